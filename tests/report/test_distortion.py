"""Histograms of units: bins counted by hand, zeros by themselves, the same bins for every network."""

import csv
import io
from pathlib import Path

import pytest

from blackthorn.report import write
from blackthorn.report.charts import counted
from blackthorn.report.views.distortion import first_layers, units_csv, view

from .demo import bare, pictures, vulnerability_cell, with_cells


def test_bins_are_counted_by_hand_and_a_bin_holds_its_upper_end() -> None:
    found = counted([0.0, 0.01, 0.02, 0.020001, 0.05, 0.06, 0.0, 0.1], 0.02, 0.1)
    assert [(point["series"], point["count"]) for point in found] == [
        ("exactly zero", 2),
        ("more than zero", 2),
        ("more than zero", 1),
        ("more than zero", 2),
        ("more than zero", 1),
    ]
    assert [point["x"] for point in found] == pytest.approx([-0.04, 0, 0.02, 0.04, 0.08])
    assert [point["bin"] for point in found[:2]] == ["exactly 0", "0 to 0.02"]


def test_a_tiny_change_is_no_zero() -> None:
    assert [point["series"] for point in counted([1e-12], 0.02, 0.1)] == ["more than zero"]


def test_every_network_has_the_same_bins_and_the_zeros_of_a_pruned_one_stand_apart(tmp_path: Path) -> None:
    made = view(pictures(tmp_path))
    assert made is not None
    (chart,) = made.charts
    assert [panel.title for panel in chart.panels] == ["standard", "at", "anp-vs"]
    axes = {str(panel.spec["layer"][0]["encoding"][axis]) for panel in chart.panels for axis in "xy"}  # type: ignore[index]
    assert len(axes) == 2
    for panel in chart.panels:
        assert sum(int(point["count"] or 0) for point in panel.points) == 20
    assert chart.panels[2].points[0]["series"] == "exactly zero" and chart.panels[2].points[0]["count"] == 16
    assert "20 units of relu1 of anp-vs: 16 do not move at all" in chart.panels[2].spoken


def test_a_network_without_any_change_is_drawn_too(tmp_path: Path) -> None:
    made = view(with_cells(bare(tmp_path), [vulnerability_cell(tmp_path, "dense", [0.0, 0.0])]))
    assert made is not None and made.charts[0].panels[0].spoken.endswith("2 do not move at all.")


def test_every_unit_of_every_layer_is_in_the_file(tmp_path: Path) -> None:
    page = pictures(tmp_path)
    lines = list(csv.DictReader(io.StringIO(units_csv(page))))
    assert len(lines) == 3 * (20 + 2)
    assert [line["unit"] for line in lines if line["row"] == "at" and line["layer"] == "relu2"] == ["0", "1"]
    first = [float(line["value"]) for line in lines if line["row"] == "standard" and line["layer"] == "relu1"]
    assert first == pytest.approx(first_layers(page)[0].moved, rel=1e-5)


def test_two_measures_have_a_figure_each(tmp_path: Path) -> None:
    cells = [vulnerability_cell(tmp_path, "dense", [0.1, 0.2], metric=metric) for metric in ("white-box", "black-box")]
    html = write(tmp_path / "report", with_cells(bare(tmp_path), cells)).read_text(encoding="utf-8")
    assert "Units by their change: black-box" in html
    for name in ("figures/distortion-1.png", "figures/distortion-2.svg", "vulnerability-units.csv"):
        assert (tmp_path / "report" / name).is_file()
    assert view(bare(tmp_path)) is None
