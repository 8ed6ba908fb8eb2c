"""The figure of what pruning changed, on hand-made cells."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from blackthorn.claims import NoLoss, Selection
from blackthorn.report import Page
from blackthorn.report.charts import Chart
from blackthorn.report.views.differences import against_unpruned
from blackthorn.results import AccuracyRecord, Cell, Published, Record
from blackthorn.results.statistics import compare

from .demo import ATTACKS, accuracy_cell, bare, chosen, row_of, table1, trade_off, with_cells

NATURAL = {"dense": 0.99, "weight 50%": 0.985, "weight 70%": 0.98, "weight 90%": 0.9}


def page(folder: Path, cells: Sequence[Cell[Record]]) -> Page:
    return with_cells(bare(folder), cells)


def cells(folder: Path) -> list[Cell[AccuracyRecord]]:
    return [accuracy_cell(folder, row, "natural", rate) for row, rate in NATURAL.items()]


def titles(chart: Chart | None) -> list[str]:
    assert chart is not None
    return [panel.title for panel in chart.panels]


def test_each_sweep_has_a_panel_that_starts_at_the_unpruned_network(tmp_path: Path) -> None:
    chart = against_unpruned(trade_off(tmp_path))
    assert chart is not None
    assert [panel.title for panel in chart.panels] == [
        "fgsm weight minus fgsm dense",
        "fgsm filter minus fgsm dense",
        "pgd weight minus pgd dense",
        "pgd filter minus pgd dense",
    ]
    for panel in chart.panels:
        for metric in chart.series:
            first = next(point for point in panel.points if point["series"] == metric)
            assert (first["x"], first["value"], first["row"]) == (0, 0, f"{panel.title.split()[0]} dense")


def test_the_unpruned_network_is_the_one_that_a_selection_names(tmp_path: Path) -> None:
    """Another than the one it was pruned from: the one that was trained for as long."""
    longer = accuracy_cell(tmp_path, "dense longer", "natural", 0.995)
    held = [*cells(tmp_path), longer]
    assert titles(against_unpruned(page(tmp_path, held))) == ["weight minus dense"]
    picked = Selection(rule=NoLoss(), rows="weight *", than="dense longer")
    selected = replace(page(tmp_path, held), selections=chosen({"s": picked}, page(tmp_path, held).grid))
    chart = against_unpruned(selected)
    assert titles(chart) == ["weight minus dense longer"]
    assert chart is not None and chart.panels[0].points[1]["value"] == pytest.approx(-1.0)


def test_lines_are_natural_accuracy_and_each_attack_at_its_largest_eps(tmp_path: Path) -> None:
    chart = against_unpruned(trade_off(tmp_path))
    assert chart is not None and chart.series == ["natural", "fgsm 0.3", "pgd 0.3"]


def test_a_black_box_attack_is_a_line_of_its_own(tmp_path: Path) -> None:
    fgsm = ATTACKS["fgsm 0.3"]
    white = [accuracy_cell(tmp_path, row, "fgsm 0.3", rate / 2, attack=fgsm) for row, rate in NATURAL.items()]
    black = [
        accuracy_cell(tmp_path, row, "black-box", rate / 2, attack=fgsm, source="substitute")
        for row, rate in NATURAL.items()
    ]
    chart = against_unpruned(page(tmp_path, [*cells(tmp_path), *white, *black]))
    assert chart is not None and chart.series == ["natural", "fgsm 0.3", "black-box"]


def test_a_difference_is_in_points_with_the_paired_interval(tmp_path: Path) -> None:
    held = cells(tmp_path)
    chart = against_unpruned(page(tmp_path, held))
    assert chart is not None
    found = next(point for point in chart.panels[0].points if point["row"] == "weight 70%")
    flags = {cell.row: cell.flags for cell in held}
    test = compare(flags["weight 70%"], flags["dense"])  # type: ignore[arg-type]  # accuracies have flags
    assert found["value"] == pytest.approx(-1.0)
    assert (found["low"], found["high"]) == (pytest.approx(100 * test.low), pytest.approx(100 * test.high))


def test_rates_are_those_that_were_requested_and_zeros_are_in_the_tooltip(tmp_path: Path) -> None:
    held = [accuracy_cell(tmp_path, row, "natural", rate, sparsity_weights=0.0) for row, rate in NATURAL.items()]
    at = [cell.row for cell in held].index("weight 70%")
    held[at] = accuracy_cell(tmp_path, "weight 70%", "natural", 0.98, sparsity_weights=0.68)
    rows = [replace(row_of(name), requested=0.71) if name == "weight 70%" else row_of(name) for name in NATURAL]
    chart = against_unpruned(with_cells(bare(tmp_path), held, rows=rows))
    assert chart is not None
    found = next(point for point in chart.panels[0].points if point["row"] == "weight 70%")
    assert (found["x"], found["removed"]) == (71, "68.0 %")


def test_the_paper_s_difference_is_drawn_where_it_has_both(tmp_path: Path) -> None:
    printed = Published("paper", {"dense": {"natural": 99.0}, "weight 50%": {"natural": 98.7}})
    chart = against_unpruned(replace(page(tmp_path, cells(tmp_path)), published=printed))
    assert chart is not None and "ticks are the paper's numbers" in chart.caption
    drawn = {point["row"]: point["paper"] for point in chart.panels[0].points}
    assert drawn["weight 50%"] == pytest.approx(-0.3) and drawn["weight 70%"] is None


def test_two_rates_are_no_sweep(tmp_path: Path) -> None:
    assert against_unpruned(page(tmp_path, cells(tmp_path)[:3])) is None
    assert against_unpruned(table1(tmp_path, seeds=(0,))) is None
    assert against_unpruned(bare(tmp_path)) is None


def test_a_half_finished_sweep_says_how_much_is_missing(tmp_path: Path) -> None:
    whole = page(tmp_path, cells(tmp_path))
    rows = list(NATURAL)
    chart = against_unpruned(with_cells(whole, whole.grid.cells[:-1], rows=rows))
    assert chart is not None and "1 point of these sweeps is not measured yet" in chart.caption
    assert len(chart.panels[0].points) == 3
    assert against_unpruned(with_cells(whole, whole.grid.cells[1:], rows=rows)) is None  # nothing to compare with
