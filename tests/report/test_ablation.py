"""Accuracy and vulnerability side by side, and against the units removed."""

from pathlib import Path

import pytest

from blackthorn.report.views.ablation import against_units, side_by_side, view
from blackthorn.results import Cell, CountedRecord, Record

from .demo import accuracy_cell, bare, pictures, vulnerability_cell, with_cells


def test_each_network_has_a_bar_of_every_accuracy_and_of_its_vulnerability(tmp_path: Path) -> None:
    chart = side_by_side(pictures(tmp_path))
    assert chart is not None
    assert [panel.title for panel in chart.panels] == ["natural", "pgd 0.3", "vulnerability"]
    accuracy, vulnerability = chart.panels[1].points, chart.panels[2].points
    assert [point["label"] for point in accuracy] == ["10.0 %", "60.0 %", "80.0 %"]
    assert {point["series"] for point in vulnerability} == {"vulnerability"}
    assert "standard 10.0 %, at 60.0 %, anp-vs 80.0 %" in chart.panels[1].spoken
    moved = [float(point["x"] or 0) for point in vulnerability]
    assert moved == sorted(moved, reverse=True) and all(
        float(point["low"] or 0) < float(point["x"] or 0) < float(point["high"] or 0) for point in vulnerability
    )


def test_networks_stand_at_the_share_of_their_units_that_is_gone(tmp_path: Path) -> None:
    chart = against_units(pictures(tmp_path))
    assert chart is not None
    assert [(point["row"], point["x"]) for point in chart.panels[2].points] == [
        ("standard", 0),
        ("at", 0),
        ("anp-vs", pytest.approx(80)),
    ]
    assert [panel.title for panel in chart.panels] == ["natural", "pgd 0.3", "vulnerability"]


def test_a_count_of_units_goes_before_zeros_which_a_shrunk_network_has_none_of(tmp_path: Path) -> None:
    cells: list[Cell[Record]] = []
    for row, gone in (("dense", 0.0), ("shrunk", 75.0)):
        cells.append(accuracy_cell(tmp_path, row, "natural", 0.9, sparsity_units=0.0))
        cells.append(vulnerability_cell(tmp_path, row, [0.1, 0.2]))
        record = CountedRecord(what="units", counting="corrected", value=gone, whole=4, left=4 - round(gone / 25))
        cells.append(Cell(row, "units", 0, record, None, tmp_path))
    chart = against_units(with_cells(bare(tmp_path), cells))
    assert chart is not None and [point["x"] for point in chart.panels[0].points] == [0, 75]


def test_pages_without_both_or_with_one_network_have_no_such_part(tmp_path: Path) -> None:
    assert view(bare(tmp_path)) is None
    alone: list[Cell[Record]] = [vulnerability_cell(tmp_path, "dense", [0.1])]
    assert view(with_cells(bare(tmp_path), [*alone, accuracy_cell(tmp_path, "dense", "natural", 0.9)])) is None
    assert view(with_cells(bare(tmp_path), [*alone, vulnerability_cell(tmp_path, "pruned", [0.1])])) is None
