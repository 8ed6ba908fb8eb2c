"""Batch jobs, by submitit's processes of this machine: queued again after a preemption, on with the checkpoint."""

import signal
import subprocess
from pathlib import Path

import pytest

from ..cli.conftest import Cli, refusal
from ..cli.conftest import cli as cli
from ..cli.test_faults import results, start, until
from ..recipes.tiny import tiny, write
from .long import begun, epochs, finish_in, recipe

pytest.importorskip("submitit")


@pytest.mark.slow
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
        import os

        os.kill(self.pid, number)


def working_on(store: Path) -> list[Working]:
    """The processes that submitit has started for jobs of this store."""
    found = []
    for line in subprocess.run(["ps", "-ww", "-eo", "pid,args"], capture_output=True, text=True).stdout.splitlines():
        if "submitit.core._submit" in line and str(store / "jobs") in line:
            found.append(Working(int(line.split()[0])))
    return found


def test_without_slurm_the_command_says_where_to_run_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    write(tmp_path, tiny())
    assert "there is no sbatch here" in refusal(cli("run", "r.yaml", "--on", "slurm"))
