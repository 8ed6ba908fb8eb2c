"""Panels of horizontal bars with their numbers at the end."""

from collections.abc import Mapping, Sequence

from .chart import Key, Point
from .palette import SHAPE_PATHS, Spec, colour, in_box


def _marks(series: Sequence[str]) -> list[str]:
    square = SHAPE_PATHS[1]
    return [in_box(i, square) for i in range(len(series))]


BARS = Key(_marks, picks=False)
"""A square of its colour for each series; every bar has its name beside it, so that there is nothing to pick."""


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
