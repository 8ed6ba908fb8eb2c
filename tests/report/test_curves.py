"""Pruning curves in the report: figures, a table of their own, and nothing of them among the accuracies."""

import csv
import io
import json
from pathlib import Path

import pytest

from blackthorn.report import write
from blackthorn.report.views import curves as curves_view
from blackthorn.report.views.curves import against_rate, against_rate_by_layer, curve_points, curves_csv
from blackthorn.report.views.results import results_csv

from .demo import NOISES, bare, curve_cells, curves, with_cells


@pytest.mark.slow
def test_whole_networks_and_single_layers_are_two_figures_with_a_line_for_each_noise(tmp_path: Path) -> None:
    whole, layers = against_rate(curves(tmp_path)), against_rate_by_layer(curves(tmp_path))
    assert whole is not None and layers is not None
    assert [panel.title for panel in whole.panels] == ["absolute", "activated", "combined"]
    assert [panel.title for panel in layers.panels][:4] == [
        f"absolute, alone · {one}" for one in ("fc1", "fc2", "fc3", "out")
    ]
    assert list(whole.series) == list(layers.series) == ["none", *NOISES]
    assert all(len(panel.points) == 10 * 100 for panel in (*whole.panels, *layers.panels))


def test_a_panel_names_its_network_where_several_have_such_a_curve(tmp_path: Path) -> None:
    page = curves(tmp_path, rates=4)
    chart = against_rate(with_cells(page, [*page.grid.cells, *curve_cells(tmp_path, "twin", "absolute", rates=4)]))
    assert chart is not None
    assert [panel.title for panel in chart.panels] == ["dense · absolute", "activated", "combined", "twin · absolute"]


def test_no_two_lines_look_alike(tmp_path: Path) -> None:
    chart = against_rate(curves(tmp_path, rates=4))
    assert chart is not None and len(set(chart.marks)) == len(chart.series) == 10
    layer = json.loads(json.dumps(chart.panels[0].spec))["layer"][1]["encoding"]
    looks = [layer[channel]["scale"]["range"] for channel in ("color", "strokeDash")]
    assert len({str(look) for look in zip(*looks)}) == 10


def test_curves_are_in_a_file_of_their_own_and_not_among_the_accuracies(tmp_path: Path) -> None:
    page = curves(tmp_path, rates=4)
    lines = list(csv.DictReader(io.StringIO(curves_csv(page))))
    assert len(lines) == 10 * 4 * (3 + 2 * 4)
    assert lines[4] | {"low": "", "high": ""} == {
        "row": "dense",
        "metric": "absolute",
        "layer": "",
        "noise": "1, 0.15",
        "rate": "0",
        "sparsity": "0.00",
        "value": "10.00",
        "low": "",
        "high": "",
        "targeted_success": "90.00",
        "highest": "",
        "seeds": "0",
    }
    assert [line["rate"] for line in lines if line["highest"]][:1] == ["75"]
    assert results_csv(page).splitlines()[1:] == ["dense,natural,98.40,98.13,98.63,0,"]
    assert page.accuracy_metrics == ["natural"]


def test_several_seeds_are_joined_and_highest_is_said_only_where_all_agree(tmp_path: Path) -> None:
    other = curve_cells(tmp_path, "dense", "absolute", rates=4, seed=1, highest=False)
    page = with_cells(bare(tmp_path), [*curve_cells(tmp_path, "dense", "absolute", rates=4), *other], seeds=(0, 1))
    points = curve_points(page)
    assert len(points) == 10 * 4 and all(point.found.seeds == (0, 1) for point in points)
    assert not any(point.highest for point in points)


@pytest.mark.slow
def test_the_page_holds_figures_their_legend_and_a_link_to_the_numbers(tmp_path: Path) -> None:
    html = write(tmp_path / "out", curves(tmp_path, rates=4)).read_text("utf-8")
    left = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {"curves.csv", "accuracy-curves.png", "accuracy-layers.svg"} <= left
    assert html.count('<a href="curves.csv">CSV</a>') == 2 and html.count('data-series="5, 0.35"') == 2
    write(tmp_path / "out", bare(tmp_path))
    assert not (tmp_path / "out" / "curves.csv").exists()
    assert curves_view.whole(bare(tmp_path)) is None
