"""Panels of points on lines with their intervals: accuracy against a radius or a rate."""

from collections.abc import Mapping, Sequence

from .chart import PICKED, Key, Panel, Point
from .palette import SHAPE_PATHS, Spec, colour, in_box, shape


def _marks(series: Sequence[str]) -> list[str]:
    return [in_box(i, SHAPE_PATHS[i % len(SHAPE_PATHS)]) for i in range(len(series))]


POINTS = Key(_marks)
"""A shape and a colour for each series."""


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
    proved: Sequence[Point] = (),
) -> Spec:
    """Accuracy (percent) against `x`: per series a line, a band for its interval, and points.

    Each point has `series`, `x`, `value`, `low`, `high`, `paper` (percent or None) and the texts in `tips`. Where
    `y_domain` goes below zero, a line is drawn at zero. `proved` are points of the same series that bound them from
    below: a dashed line with hollow marks.
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
    faded = {"condition": {"test": PICKED, "value": 1}, "value": 0.12}
    tooltip: list[Spec] = [{"field": field, "title": title} for field, title in tips.items()]
    layers: list[Spec] = [
        {
            "mark": {"type": "area", "clip": True},
            "encoding": {
                "x": x,
                "y": {**y, "field": "low"},
                "y2": {"field": "high"},
                "color": colour(series),
                "opacity": {"condition": {"test": PICKED, "value": 0.16}, "value": 0.03},
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
    if proved:
        encoding = {"x": x, "color": colour(series), "opacity": faded}
        layers += _from_below(proved, encoding, y, shape(series), tooltip)
    return {"data": {"values": list(points)}, "params": [{"name": "picked", "value": None}], "layer": layers}


def _from_below(
    points: Sequence[Point], encoding: Mapping[str, object], y: Mapping[str, object], shapes: Spec, tips: Sequence[Spec]
) -> list[Spec]:
    data: Spec = {"values": list(points)}
    line: Spec = {**encoding, "y": y}
    interval: Spec = {**encoding, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    marked: Spec = {**line, "shape": shapes, "tooltip": list(tips)}
    return [
        {"data": data, "mark": {"type": "line", "strokeWidth": 1.5, "strokeDash": [5, 4]}, "encoding": line},
        {"data": data, "mark": {"type": "rule", "strokeWidth": 1.25}, "encoding": interval},
        {"data": data, "mark": {"type": "point", "filled": False, "size": 52}, "encoding": marked},
    ]


def paper_note(panels: Sequence[Panel]) -> str:
    """A sentence for the caption about the paper's numbers, where any are drawn."""
    drawn = any(point.get("paper") is not None for panel in panels for point in panel.points)
    return " Short horizontal ticks are the paper's numbers." if drawn else ""
