"""An experiment from Python: the same store, results and errors as from the command line."""

import os
from pathlib import Path

import pytest

import blackthorn as bt
from blackthorn.errors import RecipeError
from blackthorn.results import AccuracyRecord
from blackthorn.running import Event

from .recipes.tiny import tiny, write


def test_a_recipe_is_run_and_its_report_drawn_again(tmp_path: Path) -> None:
    recipe, store = write(tmp_path, tiny()), tmp_path / "store"
    heard: list[Event] = []
    finished = bt.run(recipe, preset="smoke", seeds=[1], store=store, jobs=1, device="cpu", listen=heard.append)
    assert sum(event.what == "finished" for event in heard) == 9
    assert os.fspath(finished) == str(finished.index)
    assert finished.index.samefile(store / "reports/last/index.html")
    assert finished.index.parent.name.startswith("r-smoke-seeds-1-")
    (cell,) = finished.grid.of(AccuracyRecord)["dense", "natural"]
    assert (cell.seed, cell.record.n, finished.missing) == (1, 40, [])
    assert [verdict.statement for verdict in finished.verdicts] == ["Pruning costs nothing"]

    before = (finished.index.parent / "results.csv").read_bytes()
    again = bt.write_report(recipe, preset="smoke", seeds=[1], store=store)
    assert (again.index.parent / "results.csv").read_bytes() == before and again.missing == []
    other = bt.write_report(recipe, preset="smoke", seeds=[2], store=store)
    assert len(other.missing) == 6


@pytest.mark.slow
def test_changes_and_another_network_are_part_of_what_is_run(tmp_path: Path) -> None:
    changes = ["networks.*.steps.train.epochs=1", "measures={natural: {kind: accuracy, n_max: 7}}", "statements=[]"]
    finished = bt.run(write(tmp_path, tiny()), store=tmp_path / "s", model="mlp", jobs=1, set=changes)
    assert {cell.record.n for cells in finished.grid.of(AccuracyRecord).values() for cell in cells} == {7}


def test_what_cannot_be_is_refused_as_on_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such folder"):
        bt.write_report(write(tmp_path, tiny()), store=tmp_path / "nowhere")
    with pytest.raises(RecipeError, match="there is no preset 'smok'; did you mean 'smoke'"):
        bt.run(write(tmp_path, tiny()), preset="smok", store=tmp_path / "s")
