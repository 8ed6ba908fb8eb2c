"""The figure of what the same pruning gains in several networks, on hand-made cells."""

from dataclasses import replace
from pathlib import Path

import pytest

from blackthorn.report import Page
from blackthorn.report.views.gains import by_network, view
from blackthorn.results import Row

from .demo import accuracy_cell, bare, with_cells

NOISE = {"kind": "universal_noise", "target": 3, "eps": 0.25}
SHARES = {"long": 0.4, "short": 0.5, "long, pruned": 0.65, "short, pruned": 0.4}
ROWS = [Row("long"), Row("short"), Row("long, pruned", "long", 0.81), Row("short, pruned", "short", 0.81)]


def page(folder: Path, rows: list[Row]) -> Page:
    cells = [
        accuracy_cell(folder, row.name, metric, SHARES.get(row.name, 0.5) * part, attack=attack)
        for row in rows
        for metric, part, attack in (("natural", 1.5, None), ("noise 3", 1.0, NOISE))
    ]
    return with_cells(bare(folder), cells, rows=rows)


def test_bars_are_what_each_network_gained_by_the_same_pruning_in_points(tmp_path: Path) -> None:
    chart = by_network(page(tmp_path, ROWS))
    assert chart is not None and [panel.title for panel in chart.panels] == ["natural", "noise 3"]
    drawn = [(point["row"], pytest.approx(point["x"], abs=0.01)) for point in chart.panels[1].points]
    assert drawn == [("long", 25.0), ("short", -10.0)]
    assert all(float(p["low"] or 0) < float(p["x"] or 0) < float(p["high"] or 0) for p in chart.panels[1].points)
    assert "after 81 % were pruned" in chart.caption


def test_a_bar_below_zero_has_room(tmp_path: Path) -> None:
    chart = by_network(page(tmp_path, ROWS))
    assert chart is not None
    panel = chart.panels[1]
    domain = panel.spec["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert domain[0] == min(float(point["low"] or 0) for point in panel.points) < -10


@pytest.mark.parametrize(
    "rows",
    [
        ROWS[:3],  # one network
        [*ROWS[:3], Row("short, pruned", "short", 0.5)],  # by another rate
        [*ROWS, Row("short, pruned too", "short", 0.81)],  # in several ways
    ],
)
def test_one_network_other_rates_or_several_ways_are_no_such_figure(tmp_path: Path, rows: list[Row]) -> None:
    assert view(page(tmp_path, rows)) is None


def test_a_number_under_alarm_gains_nothing(tmp_path: Path) -> None:
    held = page(tmp_path, ROWS)
    cells = [
        replace(cell, record=replace(cell.record, alarms=("random",)))
        if (cell.row, cell.metric) == ("long", "noise 3")
        else cell
        for cell in held.grid.cells
    ]
    chart = by_network(with_cells(bare(tmp_path), cells, rows=ROWS))
    assert chart is not None
    assert [[point["row"] for point in panel.points] for panel in chart.panels] == [["long", "short"], ["short"]]
