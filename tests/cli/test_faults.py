"""Kills, crowds, interrupts and disks that refuse: the same command, given again, ends with the same numbers."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..recipes.tiny import TRAIN, tiny, write
from .conftest import Cli

pytestmark = pytest.mark.slow

PROGRAM = "import sys; from blackthorn.__main__ import main; sys.argv[0] = 'blackthorn'; main()"
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
LONG = {"kind": "train", "epochs": 400, "batch_size": 8, "stop_at_chance": False}
ENDLESS = {**LONG, "epochs": 100000}  # still at it when a signal comes, however fast the machine


def start(folder: Path, *words: str, before: str = "", **options: Any) -> subprocess.Popen[str]:
    """A command in a process of its own, which hears Ctrl-C even where the tests run in a background that does not.

    `before` is Python that it runs first.
    """
    options.setdefault("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    return subprocess.Popen(
        [sys.executable, "-c", before + PROGRAM, *words],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and standard error; standard output is always empty."""
    out, err = process.communicate(timeout=100)
    assert out == ""
    return process.returncode, err


def command(folder: Path, *words: str) -> tuple[int, str]:
    return finish(start(folder, *words))


def interrupted(folder: Path, store: str, instants: list[int]) -> list[int]:
    """Exit codes of the same command, killed at each instant; 0 leaves it alone."""
    asked = {"argv": ["run", "r.yaml", "--store", store, "--jobs", "1"], "store": store, "instants": instants}
    script = Path(__file__).with_name("interrupted.py")
    done = subprocess.run(
        [sys.executable, str(script), json.dumps(asked)],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return list(json.loads(done.stdout.splitlines()[-1]))


def results(folder: Path, store: str) -> bytes:
    return (folder / store / "reports" / "r-full" / "results.csv").read_bytes()


def until(true: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def made(store: Path) -> dict[str, float]:
    """When each stage was finished."""
    return {path.parent.name: path.stat().st_mtime for path in store.glob("stages/*/stage.json")}


def kill_and_finish(cli: Cli, folder: Path, instants: list[int]) -> None:
    write(folder, tiny())
    codes = interrupted(folder, "killed", instants)
    assert set(codes) <= {-9, 0}
    assert -9 in codes
    for store in ("killed", "uninterrupted"):
        assert cli("run", "r.yaml", "--store", store, "--jobs", "1").code == 0
    assert results(folder, "killed") == results(folder, "uninterrupted")
    assert not [
        path for path in (folder / "killed" / "stages").rglob("*") if path.name.endswith((".partial", ".writing"))
    ]


def test_a_command_that_was_killed_goes_on_to_the_same_results(cli: Cli, tmp_path: Path) -> None:
    kill_and_finish(cli, tmp_path, instants=[12, 19, 24, 31])


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_a_command_that_is_killed_again_and_again_goes_on_to_the_same_results(
    cli: Cli, tmp_path: Path, seed: int
) -> None:
    instants = random.Random(seed)
    kill_and_finish(cli, tmp_path, instants=[instants.randint(1, 70) for _ in range(12)])


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_command_killed_at_any_moment_goes_on_to_the_same_results(tmp_path: Path) -> None:
    write(tmp_path, tiny(*TRAIN, to=LONG))
    assert command(tmp_path, "run", "r.yaml", "--store", "uninterrupted")[0] == 0
    moments = random.Random(0)
    for _ in range(10):
        process = start(tmp_path, "run", "r.yaml", "--store", "killed", "--jobs", "2")
        time.sleep(moments.uniform(2, 10))
        process.kill()
        process.communicate()
    assert command(tmp_path, "run", "r.yaml", "--store", "killed")[0] == 0
    assert results(tmp_path, "killed") == results(tmp_path, "uninterrupted")


def test_a_killed_training_leaves_a_checkpoint_of_its_last_epoch(tmp_path: Path) -> None:
    write(tmp_path, tiny(*TRAIN, to=ENDLESS))
    process = start(tmp_path, "run", "r.yaml", "--store", "store")
    until(lambda: list(tmp_path.glob("store/stages/*.partial/checkpoint.pt")))
    time.sleep(0.5)
    process.kill()
    process.communicate()
    (checkpoint,) = tmp_path.glob("store/stages/*.partial/checkpoint.pt")
    import torch

    before = len(torch.load(checkpoint, weights_only=True)["history"])
    assert 0 < before < ENDLESS["epochs"]


def share(folder: Path, processes: int) -> None:
    write(folder, tiny())
    crowd = [start(folder, "run", "r.yaml", "--store", "shared") for _ in range(processes)]
    ended = [finish(process) for process in crowd]
    assert [code for code, _ in ended] == [0] * processes, ended
    lines = [line for _, err in ended for line in err.splitlines() if line.startswith("[") and line.endswith(" s")]
    labels = [line.partition("] ")[2].rpartition("  ")[0] for line in lines]
    assert len(labels) == len(set(labels)) == 9, labels  # each of the stages, in one process only


def test_two_commands_on_one_store_share_the_work_and_do_none_twice(tmp_path: Path) -> None:
    share(tmp_path, processes=2)


@pytest.mark.long
def test_three_commands_on_one_store_share_the_work_and_do_none_twice(tmp_path: Path) -> None:
    share(tmp_path, processes=3)
    before = made(tmp_path / "shared")
    assert command(tmp_path, "run", "r.yaml", "--store", "alone")[0] == 0
    assert results(tmp_path, "shared") == results(tmp_path, "alone")
    assert command(tmp_path, "run", "r.yaml", "--store", "shared")[0] == 0
    assert made(tmp_path / "shared") == before  # nothing was done again


@pytest.mark.long
def test_two_jobs_give_the_numbers_of_one(tmp_path: Path) -> None:
    write(tmp_path, tiny("seeds", to=[0, 1]))
    assert command(tmp_path, "run", "r.yaml", "--store", "one")[0] == 0
    code, err = command(tmp_path, "run", "r.yaml", "--store", "two", "--jobs", "2")
    assert code == 0, err
    assert results(tmp_path, "one") == results(tmp_path, "two")


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.long)])
def test_ctrl_c_ends_with_130_and_one_line(tmp_path: Path, jobs: str) -> None:
    write(tmp_path, tiny(*TRAIN, to=ENDLESS))
    process = start(tmp_path, "run", "r.yaml", "--store", "store", "--jobs", jobs, start_new_session=True)
    until(lambda: list(tmp_path.glob("store/stages/*.partial/checkpoint.pt")))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the command and all it has started
    assert finish(process) == (130, "blackthorn: stopped; run the same command again to go on\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.long)])
def test_other_signals_end_a_command_as_ctrl_c_does(tmp_path: Path, jobs: str, number: signal.Signals) -> None:
    write(tmp_path, tiny(*TRAIN, to=ENDLESS))
    process = start(tmp_path, "run", "r.yaml", "--store", "store", "--jobs", jobs, start_new_session=True)
    until(lambda: list(tmp_path.glob("store/stages/*.partial/checkpoint.pt")))
    for _ in range(3):  # impatience changes nothing
        process.send_signal(number)
        process.send_signal(signal.SIGINT)
    code, err = finish(process)
    assert code in (128 + number, 130) and err == "blackthorn: stopped; run the same command again to go on\n"


DURING_A_WRITE = """
import os, signal, torch

class Interrupted:  # Ctrl-C comes while torch writes to this file
    def __init__(self, file):
        self.file, self.writes, self.flush = file, 0, file.flush
    def write(self, content):
        self.writes += 1
        if self.writes == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return self.file.write(content)

save = torch.save
torch.save = lambda state, file: save(state, Interrupted(file))
"""

DURING_ITS_FORWARD = """
import os, signal, torch

class Net(torch.nn.Sequential):
    def __init__(self):
        super().__init__(torch.nn.Flatten(), torch.nn.Linear(64, 10))
        self.asked = 0
    def forward(self, x):
        self.asked += self.training
        try:
            if self.asked == 3:
                os.kill(os.getpid(), signal.SIGINT)
        except BaseException:
            raise RuntimeError("something went wrong")
        return super().forward(x)
"""


def test_ctrl_c_is_told_as_itself_where_torch_makes_another_error_of_it(tmp_path: Path) -> None:
    write(tmp_path, tiny())
    process = start(tmp_path, "run", "r.yaml", "--store", "store", "--jobs", "1", before=DURING_A_WRITE)
    assert finish(process) == (130, "blackthorn: stopped; run the same command again to go on\n")


def test_ctrl_c_is_told_as_itself_where_a_network_of_ones_own_makes_another_error_of_it(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(DURING_ITS_FORWARD)
    write(tmp_path, tiny("model", to={"kind": "net:Net"}))
    process = start(tmp_path, "run", "r.yaml", "--store", "store", "--jobs", "1", "--allow-code", "net:Net")
    assert finish(process) == (130, "blackthorn: stopped; run the same command again to go on\n")


@pytest.mark.parametrize("seconds", [0.15, 0.3, 0.6, 1.2, 2.4])
def test_ctrl_c_while_the_command_is_still_loading_is_one_line(tmp_path: Path, seconds: float) -> None:
    write(tmp_path, tiny(*TRAIN, to=ENDLESS))
    process = start(tmp_path, "run", "r.yaml", "--store", "store")
    until(lambda: _hears(process.pid))
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    assert finish(process) == (130, "blackthorn: stopped; run the same command again to go on\n")


def _hears(process: int) -> bool:
    """Whether it has a handler of its own for SIGTERM: Python gives it one for SIGINT only."""
    caught = next(
        line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("SigCgt")
    )
    return bool(int(caught.split()[1], 16) & 1 << (signal.SIGTERM - 1))


def test_workers_that_are_still_loading_end_with_the_command_that_started_them(tmp_path: Path) -> None:
    write(tmp_path, tiny(*TRAIN, to=ENDLESS))
    process = start(tmp_path, "run", "r.yaml", "--store", "store", "--jobs", "2", start_new_session=True)
    until(lambda: len(_group(process.pid)) >= 3)  # the command, and what it has started
    process.kill()
    process.communicate()
    until(lambda: not _group(process.pid), seconds=20)


def test_workers_end_with_the_command_that_started_them(tmp_path: Path) -> None:
    write(tmp_path, tiny(*TRAIN, to=ENDLESS))
    process = start(tmp_path, "run", "r.yaml", "--store", "store", "--jobs", "2", start_new_session=True)
    until(lambda: list(tmp_path.glob("store/stages/*.partial/checkpoint.pt")))
    process.kill()
    process.communicate()  # ends only when the workers have let go of the pipes as well
    until(lambda: not _group(process.pid), seconds=20)


def _group(leader: int) -> list[int]:
    """Live processes of a process group."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == leader and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


def test_a_file_that_the_system_refuses_to_write_is_one_line_and_the_same_command_goes_on(
    cli: Cli, tmp_path: Path
) -> None:
    write(tmp_path, tiny())

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    code, err = finish(start(tmp_path, "run", "r.yaml", "--store", "store", preexec_fn=small_files))

    assert code == 2
    assert err.splitlines()[-1].startswith("blackthorn: "), err
    assert "Traceback" not in err
    assert not [folder for folder in tmp_path.glob("store/stages/*") if not folder.name.endswith(".partial")]
    assert cli("run", "r.yaml", "--store", "store", "--jobs", "1").code == 0


@contextmanager
def _mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.long
@pytest.mark.parametrize("size", ["40k", "100k", "400k"])
def test_a_full_disk_is_one_line_and_after_making_room_the_same_command_goes_on(tmp_path: Path, size: str) -> None:
    write(tmp_path, tiny())
    with _mounted(tmp_path / "disk", f"size={size}") as disk:
        code, err = command(tmp_path, "run", "r.yaml", "--store", "disk/store")
        assert code == 2
        assert err.splitlines()[-1].startswith("blackthorn: "), err
        assert "disk is full" in err or "No space left" in err
        assert "Traceback" not in err
        subprocess.run(["mount", "-o", "remount,size=50m", str(disk)], check=True)
        code, err = command(tmp_path, "run", "r.yaml", "--store", "disk/store")
        assert code == 0, err
        assert len(made(disk / "store")) == 9


def test_a_read_only_store_is_one_line(tmp_path: Path) -> None:
    write(tmp_path, tiny())
    with _mounted(tmp_path / "disk", "ro"):
        code, err = command(tmp_path, "run", "r.yaml", "--store", "disk/store")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "cannot be written (Read-only file system)" in err


def test_a_read_only_store_has_its_report_written_elsewhere(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, tiny())
    assert cli("run", "r.yaml", "--store", "store", "--jobs", "1").code == 0
    shutil.rmtree(tmp_path / "store" / "reports")
    with _mounted(tmp_path / "disk", "size=50m") as disk:
        shutil.copytree(tmp_path / "store", disk / "store")
        (disk / "store" / "reports").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        code, err = command(tmp_path, "report", "r.yaml", "--store", "disk/store", "--out", "elsewhere")
        assert (code, err.splitlines()[-1]) == (0, "Report: elsewhere/index.html")
        code, err = command(tmp_path, "report", "r.yaml", "--store", "disk/store")
        assert (code, len(err.splitlines())) == (2, 1)
    assert (tmp_path / "elsewhere" / "results.csv").stat().st_size > 100


@pytest.mark.parametrize("words", [["show", "r.yaml"], ["list"], ["schema"], ["--help"], ["run", "--help"]])
def test_an_output_that_takes_no_more_is_one_line(tmp_path: Path, words: list[str]) -> None:
    write(tmp_path, tiny())
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, *words],
            cwd=tmp_path,
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (ended.returncode, ended.stderr) == (
        2,
        "blackthorn: the output cannot be written (No space left on device)\n",
    )


def test_errors_that_nobody_can_be_told_end_the_command_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, tiny())
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, "show", "nosuch"], cwd=tmp_path, env=ENVIRONMENT, stdout=full, stderr=full
        )
    assert ended.returncode == 2


def test_a_terminal_that_knows_ascii_only_is_told_everything(tmp_path: Path) -> None:
    write(tmp_path, {**tiny(), "title": "Größe · 32×32"})
    ascii_only = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    for words in (["show", "r.yaml"], ["run", "r.yaml", "--store", "store"], ["list"]):
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, *words], cwd=tmp_path, env=ascii_only, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr
        assert "Traceback" not in ended.stderr
    assert (
        "Gr\\xf6\\xdfe"
        in subprocess.run(
            [sys.executable, "-c", PROGRAM, "show", "r.yaml"],
            cwd=tmp_path,
            env=ascii_only,
            capture_output=True,
            text=True,
        ).stdout
    )


@pytest.mark.long
def test_what_fails_in_one_job_is_not_tried_in_another(tmp_path: Path) -> None:
    recipe = tiny("seeds", to=[0, 1])
    recipe["networks"]["fast"] = {"steps": [{**LONG, "epochs": 2, "optimizer": {"kind": "sgd", "lr": "1e30"}}]}
    write(tmp_path, recipe)
    code, err = command(tmp_path, "run", "r.yaml", "--store", "store", "--jobs", "2")
    assert code == 2
    assert sum("  failed: " in line for line in err.splitlines()) == 2  # one for each seed
    assert "(and 1 more)" in err.splitlines()[-1]
