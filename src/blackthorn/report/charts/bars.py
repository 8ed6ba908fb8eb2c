"""Panels of horizontal bars with their numbers at the end."""

from collections.abc import Mapping, Sequence

from .chart import Key, Point
from .palette import SHAPE_PATHS, Spec, colour, in_box


def _marks(series: Sequence[str]) -> list[str]:
    square = SHAPE_PATHS[1]
    return [in_box(i, square) for i in range(len(series))]


BARS = Key(_marks, picks=False)
"""A square of its colour for each series; every bar has its name beside it, so that there is nothing to pick."""


def bar_panel(
    points: Sequence[Point], rows: Sequence[str], series: Sequence[str], tips: Mapping[str, str], full: float = 100.0
) -> Spec:
    """Horizontal bars of `x` (by default a percentage) for each `row`, their numbers at the end.

    A bar of `full` fills the panel, unless another is longer. Points may have an interval, `low` and `high`. Bars of
    negative numbers go to the left.
    """
    drawn = [
        {**p, **{k: round(float(p[k] or 0), 3) for k in ("x", "low", "high") if p.get(k) is not None}} for p in points
    ]
    most = max((float(p.get("high") or p["x"] or 0) for p in points), default=full)
    least = min((float(p.get("low") or p["x"] or 0) for p in points), default=0.0)
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
        "scale": {"domain": [min(0.0, least), max(most, full) * 1.22 or 1], "nice": False},
        "axis": None,
    }
    interval: Spec = {
        "mark": {"type": "rule", "color": "var(--ink)", "strokeWidth": 1.25},
        "encoding": {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": y},
    }
    ends = "high" if any(point.get("high") is not None for point in points) else "x"
    return {
        "data": {"values": drawn},
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
            *([interval] if ends == "high" else []),
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "color": "var(--ink)", "fontSize": 11},
                "encoding": {"x": {**x, "field": ends}, "y": y, "text": {"field": "label"}},
            },
        ],
    }
