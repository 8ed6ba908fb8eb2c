"""Panels in shades: filled contours of numbers over a square, and tiles of small images in rows and columns."""

from collections.abc import Mapping, Sequence

from .chart import Point
from .palette import Spec
from .shades import bands, shade


def filled(numbers: Sequence[Sequence[float]], moves: Sequence[float], levels: Sequence[float]) -> list[Point]:
    """Rectangles of one band each, which together are the square; equal neighbours in a row are one rectangle.

    Args:
        numbers: a row for each move upwards, a column for each to the right.
        moves: where the rows, and the columns, lie; in equal steps.
        levels: the borders of the bands, ascending.
    Returns:
        Points with `x`, `x2`, `y`, `y2` and the name of the band as `series`.
    """
    half = (moves[-1] - moves[0]) / (len(moves) - 1) / 2
    named = bands(levels)
    points: list[Point] = []
    for move, row in zip(moves, numbers):
        held = [named[sum(number >= level for level in levels)] for number in row]
        begun = 0
        for place in range(1, len(held) + 1):
            if place == len(held) or held[place] != held[begun]:
                across = (moves[begun] - half, moves[place - 1] + half)
                sides = zip(("x", "x2", "y", "y2"), (*across, move - half, move + half))
                points.append({"series": held[begun], **{side: round(at, 7) for side, at in sides}})
                begun = place
    return points


def contour_panel(points: Sequence[Point], series: Sequence[str], *, x_title: str, y_title: str, ticks: Spec) -> Spec:
    """Filled contours of `filled` points, the names of whose bands are `series`; a cross marks the middle."""
    span = max((abs(float(point[end] or 0)) for point in points for end in ("x", "x2", "y", "y2")), default=1)
    scale = {"domain": [-span, span], "nice": False, "zero": False}
    axis = {"grid": False, "labelOverlap": "greedy", **ticks}
    x = {"field": "x", "type": "quantitative", "title": x_title, "scale": scale, "axis": axis}
    y = {"field": "y", "type": "quantitative", "title": y_title, "scale": scale, "axis": {**axis, "domain": True}}
    colour = shade(series)
    tooltip = [{"field": "series", "title": "loss"}]
    middle: Spec = {
        "data": {"values": [{"x": 0, "y": 0}]},
        "encoding": {"x": x, "y": y},
    }
    cross = {"type": "point", "shape": "cross", "size": 70, "filled": True, "opacity": 1}
    return {
        "data": {"values": list(points)},
        "height": 260,
        "view": {"stroke": "var(--muted)"},
        "layer": [
            {
                # Outlined in their own shade, since browsers leave hairlines between rectangles that touch.
                "mark": {"type": "rect", "strokeWidth": 1.5},
                "encoding": {
                    "x": x,
                    "x2": {"field": "x2"},
                    "y": y,
                    "y2": {"field": "y2"},
                    "color": colour,
                    "stroke": {**colour, "legend": None},
                    "tooltip": tooltip,
                },
            },
            {**middle, "mark": {**cross, "color": "#ffffff", "stroke": "#000000", "strokeWidth": 1}},
        ],
    }


def tile_panel(
    points: Sequence[Point], rows: Sequence[str], columns: Sequence[str], series: Sequence[str], tips: Mapping[str, str]
) -> Spec:
    """Small images in rows and columns.

    Each point has `row`, `column`, the image as `url` (a data URI), `spoken` for those who cannot see it, and the texts
    in `tips`. `series` are the numbers that the shades stand for, for the legend of a file.
    """
    x = {
        "field": "column",
        "type": "nominal",
        "sort": list(columns),
        "title": None,
        "scale": {"paddingInner": 0.05, "paddingOuter": 0},
        "axis": {"labelAngle": 0, "orient": "top", "domain": False, "ticks": False, "labelLimit": 80},
    }
    y = {
        "field": "row",
        "type": "nominal",
        "sort": list(rows),
        "title": None,
        "scale": {"paddingInner": 0.05, "paddingOuter": 0},
        "axis": {"labelLimit": 130, "labelPadding": 8, "domain": False, "ticks": False},
    }
    image = {"type": "image", "width": {"band": 1}, "height": {"band": 1}}
    shown: list[Spec] = [{"field": field, "title": title} for field, title in tips.items()]
    encoding: Spec = {"x": x, "y": y, "url": {"field": "url"}, "description": {"field": "spoken"}, "tooltip": shown}
    legend: Spec = {
        "data": {"values": [{"series": one} for one in series]},
        "mark": {"type": "square", "opacity": 0},
        "encoding": {"color": shade(series)},
    }
    return {
        "data": {"values": list(points)},
        "height": 76 * len(rows),
        "layer": [legend, {"mark": image, "encoding": encoding}],
    }
