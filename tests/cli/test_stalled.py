"""A command that is stopped, as by Ctrl-Z or a dead network, loses its stage to another one and cannot finish it."""

import signal
from pathlib import Path

import pytest

from ..recipes.tiny import tiny, write
from . import test_faults
from .conftest import Cli
from .test_faults import finish, results, start, until

QUICK = "import blackthorn.running.lease as lease; lease.BEAT, lease.STALE = 0.2, 3.0; "
"""Leases run out sooner, so that the test does not take minutes."""


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_command_that_stands_still_loses_its_stage_and_ends_with_the_same_results(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_faults, "PROGRAM", QUICK + test_faults.PROGRAM)
    recipe = tiny()
    recipe["networks"]["dense"]["steps"][0] = {**recipe["networks"]["dense"]["steps"][0], "epochs": 200}
    write(tmp_path, recipe)
    store = tmp_path / "store"
    asleep = start(tmp_path, "run", "r.yaml", "--store", "store", "--jobs", "1")
    until(lambda: list(store.glob("stages/*.partial/checkpoint.pt")))
    asleep.send_signal(signal.SIGSTOP)
    try:
        awake = start(tmp_path, "run", "r.yaml", "--store", "store", "--jobs", "1")
        code, err = finish(awake)
        assert code == 0, err
        assert len(list(store.glob("stages/*.partial"))) == 0
        made = {path: path.stat().st_mtime_ns for path in store.glob("stages/*/*")}
    finally:
        asleep.send_signal(signal.SIGCONT)
    code, err = finish(asleep)
    assert code == 0, err
    assert "was taken over by another command, since this one had stood still" in err
    assert made == {path: path.stat().st_mtime_ns for path in store.glob("stages/*/*")}
    assert cli("run", "r.yaml", "--store", "alone", "--jobs", "1").code == 0
    assert results(tmp_path, "store") == results(tmp_path, "alone")
