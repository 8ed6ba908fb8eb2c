"""What a report leaves in a repository, and that it says all that the report said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blackthorn.claims import AtMost, Lower, judge
from blackthorn.errors import StoreError
from blackthorn.report import Page, record, recorded_grid, write
from blackthorn.report.markdown import refreshed
from blackthorn.report.views.results import results_csv
from blackthorn.results import Grid

from ..claims.grids import accuracy, cost, detector, grid, point
from .demo import curves, table1


def held(folder: Path) -> Grid:
    """Records of every kind that statements speak of, of two seeds."""
    cells = []
    for seed in (0, 1):
        flags = np.random.default_rng(seed).random((2, 333)) < 0.7
        cells += [accuracy(row, flags[at], "pgd/8", seed=seed) for at, row in enumerate(("dense", "weight, 98%"))]
        cells += [cost("dense", "latency", "dense", 1.5, 8, seed), detector("dense", 0.9, seed=seed, metric="seen")]
        cells += [point(rate, 3, 1, n=40, noise="3, 0.25", seed=seed) for rate in (0.0, 0.5)]
    return grid(cells, (0, 1))


def test_a_grid_that_is_read_back_has_the_same_records_and_flags(tmp_path: Path) -> None:
    before = held(tmp_path)
    record(tmp_path, before, tmp_path / "kept")
    after = recorded_grid(tmp_path / "kept")
    assert (after.rows, after.metrics, list(after.seeds)) == (before.rows, before.metrics, list(before.seeds))
    key = {(cell.row, cell.metric, cell.seed, str(cell.record)): cell for cell in before.cells}
    assert len(after.cells) == len(before.cells) == len(key)
    for cell in after.cells:
        same = key[cell.row, cell.metric, cell.seed, str(replace(cell.record, seed=None))]
        assert np.array_equal(cell.flags, same.flags) if same.flags is not None else cell.flags is None


def test_verdicts_and_the_results_file_can_be_computed_again(tmp_path: Path) -> None:
    before = held(tmp_path)
    record(tmp_path, before, tmp_path / "kept")
    after = recorded_grid(tmp_path / "kept")
    said = [
        Lower(text="a", rows=("weight, 98%",), than="dense", metrics=("pgd/8",)),
        AtMost(text="b", rows=("dense",), metrics=("pgd/8",), percent=80),
    ]
    assert judge(said, after) == judge(said, before)


@pytest.mark.slow
@pytest.mark.parametrize("made", [table1, curves])
def test_a_report_is_recorded_with_its_files_and_says_the_same_from_them(made: object, tmp_path: Path) -> None:
    page: Page = made(tmp_path / "cells")  # type: ignore[operator]
    index = write(tmp_path / "report", page)
    record(index.parent, page.grid, tmp_path / "kept")
    again = replace(page, grid=recorded_grid(tmp_path / "kept"))
    assert (tmp_path / "kept" / "results.csv").read_text("utf-8") == results_csv(again)
    assert {path.name for path in (tmp_path / "kept" / "figures").iterdir()} == {
        path.name for path in (index.parent / "figures").glob("*.png")
    }


def test_recording_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        record(tmp_path, held(tmp_path), tmp_path / folder)
    one, two = (sorted(path for path in (tmp_path / name).rglob("*") if path.is_file()) for name in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two] and len(one) >= 9


@pytest.mark.parametrize("lost", ["grid.json", "seeds/0/flags.npz", "seeds/1/accuracy.csv"])
def test_a_damaged_record_is_one_line(lost: str, tmp_path: Path) -> None:
    record(tmp_path, held(tmp_path), tmp_path / "kept")
    (tmp_path / "kept" / lost).write_text("row,measure,value\nx,y,much\n")
    with pytest.raises(StoreError, match="kept: is no whole record of a report"):
        recorded_grid(tmp_path / "kept")


def test_the_tables_of_a_readme_are_made_anew_and_its_text_is_kept(tmp_path: Path) -> None:
    page = table1(tmp_path / "cells", seeds=(0,))
    index = write(tmp_path / "report", page)
    (tmp_path / "kept").mkdir()
    readme = tmp_path / "kept" / "README.md"
    readme.write_text(
        "Said\n\n<!-- results -->\nold\n<!-- /results -->\n\nso\n<!-- statements -->\n<!-- /statements -->\n"
    )
    record(index.parent, page.grid, tmp_path / "kept")
    text = readme.read_text()
    assert text.startswith("Said\n\n<!-- results -->\n| network | natural |") and "\nold\n" not in text
    assert "| dense | 98.9 [98.7, 99.1], paper 99.0 |" in text and "\n\nso\n<!-- statements -->\n| statement |" in text
    assert refreshed("no places for tables", {"results.csv": "row,metric\n"}) == "no places for tables"


def test_numbers_in_units_of_their_own_have_three_digits_in_a_readme() -> None:
    files = {
        "results.csv": "row,metric,value,low,high,seeds,published\n"
        "at,clean,50.00,45.63,54.37,0,87.44\n"
        "at,vulnerability,0.06325,0.06114,0.065372,0,0.05\n"
        "at,sparsity,20.96,20.96,20.96,0,\n"
        "standard,sparsity,0,0,0,0,\n"
    }
    text = refreshed("<!-- results -->\n<!-- /results -->", files)
    assert "| at | 50.0 [45.6, 54.4], paper 87.4 | 0.0633 [0.0611, 0.0654], paper 0.05 | 21 |" in text
    assert "| standard |  |  | 0 |" in text
