"""Panels of upright bars that count numbers in bins, with a bar of its own for exact zeros."""

from collections.abc import Sequence

from .axis import round_ticks
from .chart import Point
from .palette import Spec, colour

MOVED, ZERO = "more than zero", "exactly zero"
"""The two series of a histogram."""


def counted(numbers: Sequence[float], width: float, end: float) -> list[Point]:
    """How many of the numbers lie in each bin (0, width], (width, 2 width], ..., up to `end`; and how many are zero.

    Zeros have a bar left of the axis. Bins without numbers are left out.
    """
    bins = [0] * max(1, round(end / width))
    for number in numbers:
        if number > 0:
            place = next(i for i in range(len(bins)) if number <= (i + 1) * width * (1 + 1e-9) or i == len(bins) - 1)
            bins[place] += 1
    zeros = sum(number == 0 for number in numbers)
    points: list[Point] = [
        {
            "series": MOVED,
            "x": i * width,
            "x2": (i + 1) * width,
            "count": count,
            "bin": f"{i * width:.4g} to {(i + 1) * width:.4g}",
        }
        for i, count in enumerate(bins)
        if count
    ]
    if zeros:
        points.insert(0, {"series": ZERO, "x": -2 * width, "x2": -width, "count": zeros, "bin": "exactly 0"})
    return points


def histogram_panel(
    points: Sequence[Point], *, width: float, end: float, most: int, x_title: str, y_title: str
) -> Spec:
    """Bars of `counted` points. Panels that are to be compared have the same `width`, `end` and `most`."""
    ticks = [end * part / 5 for part in range(6)]
    spelled = " : ".join(f"abs(datum.value - {at!r}) < 1e-9 ? '{at:.3g}'" for at in ticks[1:])
    x = {
        "field": "x",
        "type": "quantitative",
        "title": x_title,
        "scale": {"domain": [-2.5 * width, end], "nice": False, "zero": False},
        "axis": {
            "grid": False,
            "values": [-1.5 * width, *ticks[1:]],
            "labelExpr": f"datum.value < 0 ? '0' : {spelled} : ''",
        },
    }
    heights = [height for height in round_ticks(0, 1.12 * most) if height == int(height)]
    y = {
        "field": "count",
        "type": "quantitative",
        "title": y_title,
        "scale": {"domain": [0, heights[-1]], "nice": False},
        "axis": {"values": heights, "format": "d"},
    }
    tooltip = [{"field": "bin", "title": "change"}, {"field": "count", "title": "units"}]
    return {
        "data": {"values": list(points)},
        "layer": [
            {
                "mark": {"type": "rect", "stroke": "var(--paper)", "strokeWidth": 1},
                "encoding": {
                    "x": x,
                    "x2": {"field": "x2"},
                    "y": y,
                    "y2": {"datum": 0},
                    "color": colour([MOVED, ZERO]),
                    "tooltip": tooltip,
                },
            },
            {
                "transform": [
                    {"filter": f"datum.series === '{ZERO}'"},
                    {"calculate": "(datum.x + datum.x2) / 2", "as": "at"},
                ],
                "mark": {"type": "text", "baseline": "bottom", "dy": -3, "fontSize": 11, "color": "var(--ink)"},
                "encoding": {"x": {**x, "field": "at"}, "y": y, "text": {"field": "count"}},
            },
        ],
    }
