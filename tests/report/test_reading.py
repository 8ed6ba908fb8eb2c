"""Reports read back: as a frame, as tables for papers, and two of them compared."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

import blackthorn as bt
from blackthorn.errors import StoreError
from blackthorn.report import compared, read_results, table
from blackthorn.results import compare

from ..cli.conftest import Cli, refusal
from ..cli.conftest import cli as cli
from ..recipes.conftest import finished as finished
from ..recipes.conftest import store as store
from ..recipes.tiny import tiny, write


@pytest.fixture
def report(cli: Cli, tmp_path: Path, store: Path) -> Path:
    write(tmp_path, tiny())
    assert cli("report", "r.yaml", "--store", "store").code == 0
    return store / "reports/r-full"


def test_the_numbers_are_a_frame(report: Path) -> None:
    frame = bt.read_results(report)
    assert list(frame.columns) == ["row", "metric", "value", "low", "high", "n", "seeds", "alarms"]
    assert list(frame.row) == ["dense"] * 3 + ["weight 50%"] * 3
    assert ((frame.low <= frame.value) & (frame.value <= frame.high)).all() and (frame.n == 40).all()
    lines = (report / "results.csv").read_text().splitlines()[1:]
    assert [f"{100 * value:.2f}" for value in frame.value] == [line.split(",")[2] for line in lines]
    single = read_results(report / "index.html", by_seed=True)
    assert list(single.seed) == [0] * 6 and list(single.value) == list(frame.value)


def test_a_table_has_the_numbers_of_the_frame(report: Path) -> None:
    first = read_results(report).iloc[0]
    number = f"{100 * first.value:.1f}", f"[{100 * first.low:.1f}, {100 * first.high:.1f}]"
    markdown = table(report).splitlines()
    assert markdown[:2] == ["| network | natural | fgsm 0.1 | pgd |", "| --- | --- | --- | --- |"]
    assert markdown[2].startswith(f"| dense | {' '.join(number)} |") and len(markdown) == 4
    latex = table(report, "latex").splitlines()
    assert latex[0] == "\\begin{tabular}{lrrr}" and latex[-1] == "\\end{tabular}"
    assert latex[4].startswith(f"dense & {number[0]} {{\\scriptsize {number[1]}}} & ")
    assert latex[5].startswith("weight 50\\% & ") and latex[5].endswith(" \\\\")


def test_the_command_prints_the_table(cli: Cli, report: Path) -> None:
    assert cli("table", "store/reports/r-full", "--format", "latex").out == table(report, "latex")
    assert "did you mean 'latex'" in refusal(cli("table", "store/reports/r-full", "--format", "latx"))
    assert "holds no report with its records" in refusal(cli("table", "store"))


def test_a_report_compared_with_itself_differs_in_nothing(cli: Cli, report: Path) -> None:
    said = cli("compare", "store/reports/r-full", "store/reports/last")
    lines = said.out.splitlines()
    assert lines[0] == "the recipes are the same"
    assert lines[-1] == "no difference can be told (p < 0.05, corrected for 6 comparisons)"
    assert all("+0.00" in line for line in lines[2:8])


def changed(report: Path, to: Path, change: Callable[[list[bool]], list[bool]]) -> Path:
    """A copy of a report in which other images of the dense network are right."""
    from dataclasses import replace

    import numpy as np

    from blackthorn.report.reading import RECORDS, grid_of
    from blackthorn.report.recorded import record_grid
    from blackthorn.results import AccuracyRecord, Grid, wilson

    grid, cells = grid_of(report), []
    for cell in grid.cells:
        if (cell.row, cell.metric) == ("dense", "natural"):
            assert cell.flags is not None and isinstance(cell.record, AccuracyRecord)
            flags = np.array(change(cell.flags.tolist()))
            low, high = wilson(int(flags.sum()), len(flags))
            record = replace(cell.record, value=float(flags.mean()), low=low, high=high)
            cell = replace(cell, record=record, flags=flags)
        cells.append(cell)
    record_grid(Grid(grid.rows, grid.metrics, grid.seeds, cells), to / RECORDS)
    recipe = yaml.safe_load((report / "recipe.yaml").read_text())
    recipe["networks"]["dense"]["steps"][0]["epochs"] = 7
    (to / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return to


def test_what_changed_and_what_differs_is_told_by_a_paired_test(cli: Cli, report: Path, tmp_path: Path) -> None:
    none, all_right = [False] * 40, [True] * 40
    first = changed(report, tmp_path / "first", lambda flags: [*all_right[:22], *none[:18]])
    second = changed(report, tmp_path / "second", lambda flags: [*all_right[:36], *none[:4]])
    found = compared(first, second)
    assert found.changes == {}
    (one,) = [number for number in found.numbers if number.differs]
    by_hand = compare([*all_right[:36], *none[:4]], [*all_right[:22], *none[:18]])
    assert (one.row, one.metric, one.difference.paired) == ("dense", "natural", True)
    assert (one.difference.value, one.difference.low) == (pytest.approx(14 / 40), by_hand.low)
    assert one.difference.p_value == by_hand.p_value
    assert found.summary == "1 of 6 numbers differ (p < 0.05, corrected for 6 comparisons)"
    assert compared(report, first).changes == {"networks.dense.steps.0.epochs": (2, 7)}
    told = json.loads(cli("compare", "first", "second", "--json").out)
    assert [number["metric"] for number in told["numbers"] if number["differs"]] == ["natural"]
    assert "networks.dense.steps.0.epochs: 2 → 7" in cli("compare", "store/reports/r-full", "first").out


def test_numbers_on_other_images_are_compared_by_their_intervals(report: Path, tmp_path: Path) -> None:
    other = changed(report, tmp_path / "other", lambda flags: flags)
    recipe = yaml.safe_load((other / "recipe.yaml").read_text())
    recipe["data"]["source"] = "elsewhere"
    (other / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    assert not any(number.difference.paired for number in compared(report, other).numbers)


def test_a_folder_without_records_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds no report with its records"):
        read_results(tmp_path)


@pytest.mark.slow
def test_reading_a_report_loads_no_torch(report: Path) -> None:
    import subprocess
    import sys

    code = f"import sys, blackthorn as bt; bt.read_results({str(report)!r}); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
    assert torch.__version__
