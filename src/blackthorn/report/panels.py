"""One small panel each in Vega-Lite: accuracy against a radius or a rate, curves of many points, and bars."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .palette import Spec, colour, dash, hue, shape

Point: TypeAlias = Mapping[str, str | float | None]

POINTER = "pointer"
"""The name of a layer that nobody sees, for the pointer of a page to find points in."""
_PICKED = "picked == null || datum.series === picked"
_CURVE_TIPS = {"series": "noise", "x": "pruned (%)", "shown": "accuracy", "success": "taken for the target"}


@dataclass(frozen=True)
class Panel:
    """One chart: its heading, what it says in words for those who cannot see it, and how it is drawn."""

    title: str
    spoken: str
    points: Sequence[Point]
    spec: Spec


def line_panel(
    points: Sequence[Point],
    series: Sequence[str],
    *,
    x_title: str,
    x_axis: Spec,
    tips: Mapping[str, str],
    x_domain: tuple[float, float] | None = None,
    y_title: str = "accuracy (%)",
    y_domain: tuple[float, float] = (0, 100),
) -> Spec:
    """Accuracy (percent) against `x`: per series a line, a band for its interval, and points.

    Each point has `series`, `x`, `value`, `low`, `high`, `paper` (percent or None) and the texts in `tips`. Where
    `y_domain` goes below zero, a line is drawn at zero.
    """
    span = list(x_domain) if x_domain is not None else [float(p["x"] or 0) for p in points]
    pad = (max(span) - min(span)) * 0.03 if span else 0
    x = {
        "field": "x",
        "type": "quantitative",
        "title": x_title,
        "scale": {
            "domain": [min(span, default=0) - pad, max(span, default=1) + pad],
            "nice": False,
            "zero": False,
        },
        "axis": {"grid": False, "labelOverlap": "greedy", "labelSeparation": 8, **x_axis},
    }
    y = {
        "field": "value",
        "type": "quantitative",
        "title": y_title,
        "scale": {"domain": list(y_domain), "nice": False},
        "axis": {"tickCount": 5},
    }
    faded = {"condition": {"test": _PICKED, "value": 1}, "value": 0.12}
    tooltip = [{"field": field, "title": title} for field, title in tips.items()]
    layers: list[Spec] = [
        {
            "mark": {"type": "area", "clip": True},
            "encoding": {
                "x": x,
                "y": {**y, "field": "low"},
                "y2": {"field": "high"},
                "color": colour(series),
                "opacity": {"condition": {"test": _PICKED, "value": 0.16}, "value": 0.03},
            },
        },
        {
            "mark": {"type": "line", "strokeWidth": 2},
            "encoding": {"x": x, "y": y, "color": colour(series), "opacity": faded},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 1.25},
            "encoding": {
                "x": x,
                "y": {**y, "field": "low"},
                "y2": {"field": "high"},
                "color": colour(series),
                "opacity": faded,
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 62, "opacity": 1},
            "encoding": {
                "x": x,
                "y": y,
                "color": colour(series),
                "shape": shape(series),
                "opacity": faded,
                "tooltip": tooltip,
            },
        },
    ]
    if y_domain[0] < 0:
        zero = {"data": {"values": [{"value": 0}]}, "mark": {"type": "rule", "color": "var(--muted)"}}
        layers.insert(0, {**zero, "encoding": {"y": y}})
    if any(p.get("paper") is not None for p in points):
        layers.append(
            {
                "transform": [{"filter": "isValid(datum.paper)"}],
                "mark": {"type": "tick", "orient": "horizontal", "size": 16, "thickness": 2.5},
                "encoding": {
                    "x": x,
                    "y": {**y, "field": "paper"},
                    "color": colour(series),
                    "opacity": faded,
                    "tooltip": tooltip,
                },
            }
        )
    return {"data": {"values": list(points)}, "params": [{"name": "picked", "value": None}], "layer": layers}


def curve_panel(
    points: Sequence[Point],
    series: Sequence[str],
    *,
    mark: float | None = None,
    x_title: str = "pruned (%)",
    x_scale: Spec | None = None,
    x_axis: Spec | None = None,
    y_title: str = "accuracy (%)",
    tips: Mapping[str, str] = _CURVE_TIPS,
) -> Spec:
    """Accuracy (percent) against the percentage pruned, or another share against another: many lines of many points,
    and an upright line at `mark`.

    Each point has `series`, `x`, `value` and the texts in `tips`. The first series is drawn dark and wide.
    """
    span = [float(point["x"] or 0) for point in points]
    x = {
        "field": "x",
        "type": "quantitative",
        "title": x_title,
        "scale": x_scale or {"domain": [min(span, default=0), max(span, default=100)], "nice": False, "zero": False},
        "axis": {"grid": False, "labelOverlap": "greedy", **(x_axis or {"tickCount": 5})},
    }
    y = {
        "field": "value",
        "type": "quantitative",
        "title": y_title,
        "scale": {"domain": [0, 100], "nice": False},
        "axis": {"tickCount": 5},
    }
    layers: list[Spec] = [
        {
            "mark": {"type": "line", "strokeJoin": "round"},
            "encoding": {
                "x": x,
                "y": y,
                "color": hue(series),
                "strokeDash": dash(series),
                "strokeWidth": {
                    "condition": {"test": f"datum.series === {json.dumps(series[0])}", "value": 2.8},
                    "value": 1.6,
                },
                "opacity": {"condition": {"test": _PICKED, "value": 1}, "value": 0.1},
            },
        },
        {
            "name": POINTER,
            "mark": {"type": "point", "filled": True, "size": 50, "opacity": 0},
            "encoding": {
                "x": x,
                "y": y,
                "tooltip": [{"field": field, "title": title} for field, title in tips.items()],
            },
        },
    ]
    if mark is not None:
        rule = {"type": "rule", "strokeDash": [2, 3], "color": "var(--muted)"}
        layers.insert(0, {"data": {"values": [{"x": mark}]}, "mark": rule, "encoding": {"x": x}})
    return {"data": {"values": list(points)}, "params": [{"name": "picked", "value": None}], "layer": layers}


def bar_panel(points: Sequence[Point], rows: Sequence[str], series: Sequence[str], tips: Mapping[str, str]) -> Spec:
    """Horizontal bars of `x` (percent of the unpruned network) for each `row`, their numbers at the end."""
    most = max((float(p["x"] or 0) for p in points), default=100.0)
    y = {
        "field": "row",
        "type": "nominal",
        "sort": list(rows),
        "title": None,
        "axis": {"labelLimit": 150, "labelPadding": 8, "domain": False, "ticks": False},
    }
    x = {
        "field": "x",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [0, max(most, 100.0) * 1.22], "nice": False},
        "axis": None,
    }
    return {
        "data": {"values": list(points)},
        "height": 26 * len(rows),
        "layer": [
            {
                "mark": {"type": "bar", "height": {"band": 0.62}, "cornerRadiusEnd": 2},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": colour(series),
                    "tooltip": [{"field": field, "title": title} for field, title in tips.items()],
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "color": "var(--ink)", "fontSize": 11},
                "encoding": {"x": x, "y": y, "text": {"field": "label"}},
            },
        ],
    }


def paper_note(panels: Sequence[Panel]) -> str:
    """A sentence for the caption about the paper's numbers, where any are drawn."""
    drawn = any(point.get("paper") is not None for panel in panels for point in panel.points)
    return " Short horizontal ticks are the paper's numbers." if drawn else ""
