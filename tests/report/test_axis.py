"""Axes are labelled up to their ends, and names stand at their lines without covering each other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from blackthorn.report import Page
from blackthorn.report.charts import readable, round_ticks
from blackthorn.report.charts.points import _CHARACTER, _HEIGHT, _LINE, line_panel
from blackthorn.report.views import VIEWS
from blackthorn.report.views.eps import against_eps

from .demo import curves, pictures, sweep, table1, trade_off


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (0, 98, [0, 20, 40, 60, 80, 100]),
        (-16.2, 3.1, [-20, -15, -10, -5, 0, 5]),
        (-0.4, 0.1, [-0.4, -0.3, -0.2, -0.1, 0, 0.1]),
        (0, 0.047, [0, 0.01, 0.02, 0.03, 0.04, 0.05]),
        (5, 5, [5, 5 + 5e-10]),
    ],
)
def test_ticks_are_round_and_reach_both_ends(low: float, high: float, ticks: list[float]) -> None:
    assert round_ticks(low, high) == pytest.approx(ticks)


def test_ticks_are_few_equally_far_apart_and_cover_any_span() -> None:
    draw = np.random.default_rng(0)
    for _ in range(500):
        low = float(draw.normal()) * 10 ** float(draw.integers(-3, 4))
        high = low + abs(float(draw.normal())) * 10 ** float(draw.integers(-3, 4)) + 1e-6
        ticks = round_ticks(low, high)
        slack = 1e-6 * (high - low) + 1e-9 * abs(high)
        assert 2 <= len(ticks) <= 6 and ticks[0] <= low + slack and ticks[-1] >= high - slack
        assert np.diff(ticks) == pytest.approx(ticks[1] - ticks[0], rel=1e-3, abs=1e-9)


def test_radii_that_are_too_near_to_read_leave_both_ends() -> None:
    radii = [k / 255 for k in (0, 1, 2, 4, 8)]
    assert readable(radii) == radii  # 1/255 is an eighth of the axis
    assert readable([0.0, 0.005, 0.1]) == [0.0, 0.1]
    assert readable([0.0, 0.001, 0.05, 0.099, 0.1]) == [0.0, 0.05, 0.1]
    assert readable([0.3]) == [0.3]


def axes(spec: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every quantitative axis of a specification that has a scale and shows labels."""
    if isinstance(spec, list):
        for one in spec:
            yield from axes(one)
    elif isinstance(spec, dict):
        for name, held in spec.get("encoding", {}).items() if isinstance(spec.get("encoding"), dict) else ():
            drawn = name in ("x", "y") and held.get("type") == "quantitative" and held.get("axis")
            if drawn and "domain" in held.get("scale", {}):
                yield name, held
        for key, held in spec.items():
            if key not in ("data", "encoding"):
                yield from axes(held)


@pytest.mark.slow
@pytest.mark.parametrize("make", [table1, sweep, trade_off, curves, pictures], ids=lambda make: make.__name__)
def test_every_axis_has_a_label_at_both_ends(tmp_path: Path, make: Any) -> None:
    page: Page = make(tmp_path)
    found = 0
    for part in VIEWS:
        view = part(page)
        for chart in view.charts if view else ():
            for panel in chart.panels:
                for name, axis in axes(panel.spec):
                    low, high = axis["scale"]["domain"]
                    ticks = axis["axis"]["values"]
                    room = 0.05 * (high - low)  # beside the outermost points
                    if axis["scale"].get("type") == "log":
                        assert ticks[-1] == pytest.approx(high) or ticks[-1] <= high, (chart.name, name)
                        continue
                    first = max(ticks[0], low)  # a histogram has the bar of its zeros before the axis
                    assert high - ticks[-1] <= room, (chart.name, panel.title, name, axis)
                    assert first - low <= max(room, 0.1 * (high - low)), (chart.name, panel.title, name, axis)
                    found += 1
    assert found >= 4


def layers(spec: dict[str, Any], mark: str) -> list[dict[str, Any]]:
    return [layer for layer in spec["layer"] if layer["mark"]["type"] == mark]


def test_each_line_has_its_name_at_its_end_and_no_band(tmp_path: Path) -> None:
    chart = against_eps(table1(tmp_path, seeds=(0,)))
    assert chart is not None
    for panel in chart.panels:
        assert not layers(panel.spec, "area")
        texts = layers(panel.spec, "text")
        around, names = (
            [point for layer in texts if ("stroke" in layer["mark"]) == paper for point in layer["data"]["values"]]
            for paper in (True, False)
        )
        assert around == names  # each on paper, so that no line strikes through it
        assert {point["series"] for point in names} == set(chart.series)
        heights = sorted(float(point["value"]) for point in names)
        assert min(np.diff(heights)) >= 100 * _LINE / _HEIGHT - 1e-9  # 12 pixels of an axis from 0 to 100
        assert heights[0] >= 0


def test_names_of_lines_that_end_side_by_side_are_one_above_the_other() -> None:
    """Three lines as high as each other; the names of the first two would touch, the third stands far from both."""
    ends = {"filters of a layer": 40.0, "filters of all layers": 52.0, "weights": 90.0, "last": 100.0}
    points: list[dict[str, Any]] = [
        {"series": name, "x": x, "value": 50.0, "low": 49.0, "high": 51.0}
        for name, end in ends.items()
        for x in (0, end)
    ]
    spec = line_panel(points, list(ends), x_title="pruned (%)", tips={})
    above = {p["series"]: p["value"] for layer in layers(spec, "text")[:1] for p in layer["data"]["values"]}
    line = 100 * _LINE / _HEIGHT
    assert set(above) == set(ends) - {"last"}
    assert above["weights"] == pytest.approx(50 + line)
    heights = above["filters of a layer"], above["filters of all layers"]
    assert sorted(heights) == pytest.approx([50 + line, 50 + 2 * line])


def test_names_keep_off_the_axes() -> None:
    """Two networks that were not pruned, low on the left edge: centred there, their names would lie on the ticks."""
    ends = {"a dense network of ten": (0, 5.0), "of twenty": (0, 2.0), "pruned": (100, 40.0)}
    points: list[dict[str, Any]] = [
        {"series": name, "x": x, "value": value, "low": value, "high": value} for name, (x, value) in ends.items()
    ]
    spec = line_panel(points, list(ends), x_title="pruned (%)", tips={})
    above = {p["series"]: p for layer in layers(spec, "text")[:1] for p in layer["data"]["values"]}
    left = spec["layer"][0]["encoding"]["x"]["scale"]["domain"][0]
    assert set(above) == set(ends) - {"pruned"}
    for name, label in above.items():
        assert label["at"] - min(len(name) * _CHARACTER, 104 / 270) / 2 * 100 >= left - 1e-9
        assert label["value"] > 0
    assert above["a dense network of ten"]["value"] - above["of twenty"]["value"] >= 100 * _LINE / _HEIGHT - 1e-9


def test_many_networks_have_a_panel_for_each_training(tmp_path: Path) -> None:
    chart = against_eps(sweep(tmp_path))
    assert chart is not None and len(chart.series) == 7
    assert {panel.title.rpartition(" · ")[2] for panel in chart.panels} == {"dense", "pgd dense"}
    for panel in chart.panels:
        training = panel.title.rpartition(" · ")[2].removesuffix("dense")
        assert all(str(point["series"]).startswith("pgd") == (training == "pgd ") for point in panel.points)


def test_the_words_of_a_point_are_rounded_and_tell_its_true_place(tmp_path: Path) -> None:
    chart = against_eps(table1(tmp_path, seeds=(0,)))
    assert chart is not None
    point = next(p for p in chart.panels[0].spec["data"]["values"] if p["row"] == "dense" and p["x"] == 0.1)  # type: ignore[index]
    assert point["spoken"].startswith("dense, eps (pixels in [0, 1]) 0.1: accuracy (%) ")
    assert point["at"] == pytest.approx(0.1, abs=0.01) and point["value"] == round(point["value"], 3)
