"""`--devices` and `torchrun`: what one process gives, and one line when a rank cannot go on."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from blackthorn.errors import RecipeError
from blackthorn.running.joining import own_gpu

from ..recipes.tiny import tiny, write
from ..running.long import LONG, epochs, finish_in
from .conftest import Cli, refusal
from .test_faults import ENVIRONMENT, command, results, start, until

PLAIN = ("run", "r.yaml", "--store")


def test_devices_and_other_ways_to_share_work_exclude_each_other(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, tiny())
    assert "--jobs 2: 2 devices work on each training together" in refusal(
        cli(*PLAIN, "s", "--devices", "2", "--jobs", "2")
    )
    assert "--on ray: 2 devices" in refusal(cli(*PLAIN, "s", "--devices", "2", "--on", "ray"))
    assert "--devices 0: a whole number is wanted" in refusal(cli(*PLAIN, "s", "--devices", "0"))
    assert not (tmp_path / "s").exists()


def test_torchrun_and_devices_must_agree(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, tiny())
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "--devices 3: torchrun has started 2 ranks" in refusal(cli(*PLAIN, "s", "--devices", "3"))


def test_a_rank_that_cannot_join_says_why(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, tiny())
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    said = refusal(cli(*PLAIN, "s", "--device", "cpu"))
    assert said.startswith("ranks cannot be joined (") and "MASTER_ADDR" in said
    monkeypatch.setattr(torch.distributed, "is_available", lambda: False)
    assert "this torch was built without torch.distributed" in refusal(cli(*PLAIN, "s", "--device", "cpu"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="counts on a machine without GPUs")
def test_each_rank_needs_a_gpu_of_its_own() -> None:
    with pytest.raises(RecipeError, match="--devices 3: this machine has 0 GPUs; take fewer, or --device cpu"):
        own_gpu(2, 3)


@pytest.mark.long
def test_two_devices_give_what_one_gives_however_they_are_started(tmp_path: Path) -> None:
    write(tmp_path, tiny())
    for store, more in (("one", ("--jobs", "1")), ("two", ("--devices", "2"))):
        code, err = command(tmp_path, *PLAIN, store, *more)
        assert code == 0, err
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, "-m", "blackthorn", *PLAIN, "run"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert results(tmp_path, "one") == results(tmp_path, "two") == results(tmp_path, "run")


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("killed", [0, 1])
def test_a_rank_that_dies_ends_the_command_in_one_line_and_a_resume_goes_on(killed: int, tmp_path: Path) -> None:
    process, partial = in_the_middle(tmp_path)
    rank = {one: number for number, one in ranks_of(process.pid).items()}[killed]
    os.kill(rank, signal.SIGKILL)
    code, err = finish_in(process, 60)
    said = [line for line in err.splitlines() if line.startswith("blackthorn: ")]
    assert code == 2 and len(said) == 1 and "Traceback" not in err, err
    assert said[0].endswith("run the same command again to go on")
    assert not ranks_of(process.pid)
    assert epochs(partial) > 3
    for store in ("store", "whole"):
        code, err = finish_in(start(tmp_path, *PLAIN, store, "--devices", "2"), 300)
        assert code == 0, err
    assert results(tmp_path, "store") == results(tmp_path, "whole")


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_ranks_in_one_line(number: int, tmp_path: Path) -> None:
    process, _ = in_the_middle(tmp_path)
    started = ranks_of(process.pid)
    assert sorted(started.values()) == [0, 1]
    process.send_signal(number)
    code, err = finish_in(process, 60)
    said = [line for line in err.splitlines() if line.startswith("blackthorn: ")]
    assert code == 128 + number and said == ["blackthorn: stopped; run the same command again to go on"], err
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)


@pytest.mark.long
def test_ranks_end_with_the_command_that_started_them(tmp_path: Path) -> None:
    process, _ = in_the_middle(tmp_path)
    started = ranks_of(process.pid)
    process.kill()
    process.communicate(timeout=60)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started), 30)


@pytest.mark.long
def test_ranks_of_different_versions_are_refused_in_one_line(tmp_path: Path) -> None:
    write(tmp_path, tiny())
    (tmp_path / "sitecustomize.py").write_text(
        "import os\nif os.environ.get('RANK') == '1':\n    import blackthorn\n    blackthorn.__version__ = '0.0.1'\n"
    )
    env = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(tmp_path), ENVIRONMENT.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-m", "blackthorn", *PLAIN, "s", "--devices", "2"],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("blackthorn: ranks differ: blackthorn is 0.2.0") and "0.0.1 on rank 1" in line


@pytest.mark.long
def test_a_batch_too_small_is_refused_in_one_line(tmp_path: Path) -> None:
    write(tmp_path, tiny())
    code, err = command(tmp_path, *PLAIN, "s", "--devices", "2", "--set", "networks.*.steps.train.batch_size=1")
    assert code == 2 and len(err.splitlines()) == 1, err
    assert "has a batch_size of 1, and each rank needs an image of every batch" in err


def in_the_middle(folder: Path) -> tuple["subprocess.Popen[str]", Path]:
    """A command with two ranks in the middle of a training, and the folder of that."""
    recipe = tiny()
    recipe["networks"] = {"dense": {"steps": [{**LONG, "epochs": 150}]}}
    recipe["statements"] = []
    write(folder, recipe)
    process = start(folder, *PLAIN, "store", "--devices", "2")
    until(lambda: any(epochs(path.parent) > 3 for path in checkpoints(folder)), 240)
    return process, next(checkpoints(folder)).parent


def checkpoints(folder: Path) -> Iterator[Path]:
    return folder.glob("store/stages/*.partial/checkpoint.pt")


def ranks_of(parent: int) -> dict[int, int]:
    """The processes that a command has started: which rank each is."""
    found = {}
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True).stdout.splitlines()
    for line in listed:
        pid, of, state = line.split()[:3]
        if int(of) == parent and not state.startswith("Z"):
            words = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            found[int(pid)] = next((int(word[5:]) for word in words if word.startswith(b"RANK=")), -1)
    return found
