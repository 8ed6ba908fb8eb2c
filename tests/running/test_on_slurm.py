"""Batch jobs, by submitit's processes of this machine: queued again after a preemption, on with the checkpoint."""

import os
import signal
import subprocess
from pathlib import Path

import pytest
import torch

from blackthorn.running import Folder
from blackthorn.running.on_slurm import OnSlurm
from blackthorn.running.there import Surroundings

from ..cli.conftest import Cli, refusal
from ..cli.conftest import cli as cli
from ..cli.test_faults import results, start, until
from ..recipes.conftest import laid_out
from ..recipes.tiny import read, tiny, write
from .long import begun, epochs, finish_in, recipe

pytest.importorskip("submitit")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_job_that_is_preempted_is_queued_again_and_goes_on_with_its_checkpoint(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path, recipe())
    process = start(tmp_path, "run", "r.yaml", "--store", "jobs", "--on", "local", "--jobs", "1")
    store = tmp_path / "jobs"
    partial = begun(tmp_path, "jobs")
    until(lambda: epochs(partial) > 5, 240)
    (job,) = working_on(store)
    job.send_signal(signal.SIGUSR2)  # what SLURM sends to a job that has to go
    again = partial.with_name(partial.name.replace(".partial", ".1.partial"))
    until(again.exists, 240)  # taken up by the next attempt
    assert epochs(again) > 5
    code, err = finish_in(process, 300)
    assert code == 0, err
    assert cli("run", "r.yaml", "--store", "alone", "--jobs", "1").code == 0
    assert results(tmp_path, "jobs") == results(tmp_path, "alone")
    assert not list((store / "jobs").glob("*.pkl")) and not list((store / "jobs").glob("*.news"))


class Working:
    """A process of a job, which this test did not start itself."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def working_on(store: Path) -> list[Working]:
    """The processes that submitit has started for jobs of this store."""
    found = []
    for line in subprocess.run(["ps", "-ww", "-eo", "pid,args"], capture_output=True, text=True).stdout.splitlines():
        if "submitit.core._submit" in line and str(store / "jobs") in line:
            found.append(Working(int(line.split()[0])))
    return found


SBATCH = """#!/bin/sh
echo Submitted batch job $(($(ls -d {folder}/asked.* 2>/dev/null | wc -l) + 1))
cp "$1" {folder}/asked.$(($(ls -d {folder}/asked.* 2>/dev/null | wc -l) + 1))
"""


def test_a_job_asks_slurm_for_what_its_stage_says_or_else_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sbatch` is a program here that keeps what it is given."""
    for name, text in {
        "sbatch": SBATCH.format(folder=tmp_path),
        "srun": "#!/bin/sh\n",
        "scancel": "#!/bin/sh\n",
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    made = tiny()
    made["networks"]["dense"]["steps"][0]["resources"] = {"cpus": 6, "gpus": 0.5}
    made["measures"] = {"natural": {"kind": "accuracy", "resources": {"gpus": 0}}, "cost": {"kind": "cost"}}
    recipe = read(tmp_path, made)
    stages = [stage for stage in laid_out(recipe).stages if "dense" in stage.label]
    place = Surroundings.of(recipe.data, None, Folder(tmp_path / "store"), torch.device("cuda"), 3)
    with OnSlurm("slurm", place, lambda event: None) as executor:
        for stage in stages:
            executor.submit(stage)
    asked = [(tmp_path / f"asked.{number}").read_text().splitlines() for number in range(1, len(stages) + 1)]
    found = [
        [line.split("=")[1] for line in lines if "cpus-per-task" in line or "gpus-per-node" in line] for lines in asked
    ]
    kinds = [stage.kind for stage in stages]
    assert dict(zip(kinds, found)) == {"train": ["6", "1"], "accuracy": ["3"], "cost": ["3", "1"]}


def test_without_slurm_the_command_says_where_to_run_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    write(tmp_path, tiny())
    assert "there is no sbatch here" in refusal(cli("run", "r.yaml", "--on", "slurm"))
