"""Panels of many lines of many points, told apart by colour and dashes; the first one is dark and wide."""

import json
from collections.abc import Mapping, Sequence

from .axis import round_ticks
from .chart import PICKED, POINTER, Key, Point, spoken
from .palette import Spec, dash, dashes, hue, hues

_CURVE_TIPS = {"series": "noise", "x": "pruned (%)", "shown": "accuracy", "success": "taken for the target"}


def _marks(series: Sequence[str]) -> list[str]:
    line = '<path d="M0 6h12" style="fill:none;stroke:{};stroke-width:{};stroke-dasharray:{}"/>'
    return [
        line.format(ink, 3.2 if i == 0 else 2.4, " ".join(map(str, dash)) or "none")
        for i, (ink, dash) in enumerate(zip(hues(series), dashes(series)))
    ]


LINES = Key(_marks, in_file={"columns": 6, "symbolType": "stroke", "symbolStrokeWidth": 2})
"""A piece of line for each series."""


def curve_panel(
    points: Sequence[Point],
    series: Sequence[str],
    *,
    mark: float | None = None,
    x_title: str = "pruned (%)",
    x_scale: Spec | None = None,
    x_axis: Spec | None = None,
    y_title: str = "accuracy (%)",
    y_scale: Spec | None = None,
    y_axis: Spec | None = None,
    tips: Mapping[str, str] = _CURVE_TIPS,
) -> Spec:
    """Accuracy (percent) against the percentage pruned, or another number against another: many lines of many points,
    and an upright line at `mark`.

    Each point has `series`, `x`, `value` and the texts in `tips`. The first series is drawn dark and wide.
    """
    span = [float(point["x"] or 0) for point in points]
    ticks = round_ticks(min(span, default=0), max(span, default=100))
    ends = [min(span, default=0), max(span, default=100)] if x_axis else [ticks[0], ticks[-1]]
    x = {
        "field": "x",
        "type": "quantitative",
        "title": x_title,
        "scale": x_scale or {"domain": ends, "nice": False, "zero": False},
        "axis": {"grid": False, "labelOverlap": False, **(x_axis or {"values": ticks})},
    }
    y = {
        "field": "value",
        "type": "quantitative",
        "title": y_title,
        "scale": y_scale or {"domain": [0, 100], "nice": False},
        "axis": y_axis or {"values": round_ticks(0, 100)},
    }
    layers: list[Spec] = [
        {
            "mark": {"type": "line", "strokeJoin": "round", "aria": False},
            "encoding": {
                "x": x,
                "y": y,
                "color": hue(series),
                "strokeDash": dash(series),
                "strokeWidth": {
                    "condition": {"test": f"datum.series === {json.dumps(series[0])}", "value": 2.8},
                    "value": 1.6,
                },
                "opacity": {"condition": {"test": PICKED, "value": 1}, "value": 0.1},
            },
        },
        {
            "name": POINTER,
            "mark": {"type": "point", "filled": True, "size": 50, "opacity": 0},
            "encoding": {
                "x": x,
                "y": y,
                "description": {"field": "spoken"},
                "tooltip": [{"field": field, "title": title} for field, title in tips.items()],
            },
        },
    ]
    if mark is not None:
        rule = {"type": "rule", "strokeDash": [2, 3], "color": "var(--muted)"}
        layers.insert(0, {"data": {"values": [{"x": mark}]}, "mark": rule, "encoding": {"x": x}})
    drawn = [{**point, "spoken": spoken(point, x_title, y_title)} for point in points]
    return {"data": {"values": drawn}, "params": [{"name": "picked", "value": None}], "layer": layers}
