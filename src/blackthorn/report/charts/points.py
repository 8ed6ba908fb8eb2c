"""Panels of points on lines with their intervals: accuracy against a radius or a rate."""

from collections.abc import Mapping, Sequence

from .axis import round_ticks
from .chart import PICKED, Key, Panel, Point, spoken
from .palette import SHAPE_PATHS, Spec, colour, in_box, shape

_HEIGHT = 220.0
_LINE, _LONGEST = 12.0, 104.0  # pixels of a line of text, and of the longest label
_CHARACTER = 6.0 / 270  # of the axis, which is 270 pixels wide in a file and not much wider on the page
_LETTERS = _LONGEST / 6.0  # of the longest label; the rest is cut off
_ASIDE = 0.006  # of the axis: how far series stand apart, so that their intervals do not hide each other


def _marks(series: Sequence[str]) -> list[str]:
    return [in_box(i, SHAPE_PATHS[i % len(SHAPE_PATHS)]) for i in range(len(series))]


POINTS = Key(_marks)
"""A shape and a colour for each series."""


def line_panel(
    points: Sequence[Point],
    series: Sequence[str],
    *,
    x_title: str,
    tips: Mapping[str, str],
    x_axis: Spec | None = None,
    x_domain: tuple[float, float] | None = None,
    y_title: str = "accuracy (%)",
    y_domain: tuple[float, float] = (0, 100),
    proved: Sequence[Point] = (),
) -> Spec:
    """Accuracy (percent) against `x`: per series a line with its name at the end, points, and bars for the intervals.

    Each point has `series`, `x`, `value`, `low`, `high`, `paper` (percent or None) and the texts in `tips`. Points of
    one place stand a little beside each other. Without `x_axis` both axes have round ticks up to their ends. Where
    `y_domain` goes below zero, a line is drawn at zero. `proved` are points of the same series that bound them from
    below: a dashed line with hollow marks.
    """
    span = list(x_domain) if x_domain is not None else [float(p["x"] or 0) for p in points]
    ticks = round_ticks(min(span, default=0), max(span, default=1)) if x_axis is None else []
    ends = (ticks[0], ticks[-1]) if ticks else (min(span, default=0), max(span, default=1))
    wide, heights = ends[1] - ends[0], round_ticks(*y_domain)
    edges = [ends[0] - 0.03 * wide, ends[1] + 0.03 * wide]
    x = {
        "field": "at",
        "type": "quantitative",
        "title": x_title,
        "scale": {"domain": edges, "nice": False, "zero": False},
        "axis": {"grid": False, "labelOverlap": False, **(x_axis or {"values": ticks})},
    }
    y = {
        "field": "value",
        "type": "quantitative",
        "title": y_title,
        "scale": {"domain": [heights[0], heights[-1]], "nice": False},
        "axis": {"values": heights},
    }
    here = [name for name in series if any(point["series"] == name for point in (*points, *proved))]
    drawn, below = ([_placed(p, here, wide, x_title, y_title) for p in held] for held in (points, proved))
    line = (heights[-1] - heights[0]) * _LINE / _HEIGHT
    above, beside = _labels(drawn, line, _CHARACTER * wide, (edges[0], heights[0]))
    text: Spec = {"type": "text", "limit": _LONGEST, "fontSize": 11, "aria": False}
    named: Spec = {"y": y, "text": {"field": "series"}}
    faded = {"condition": {"test": PICKED, "value": 1}, "value": 0.12}
    tooltip: list[Spec] = [{"field": field, "title": title} for field, title in tips.items()]
    shown: Spec = {"x": x, "color": colour(series), "opacity": faded}
    told: Spec = {"description": {"field": "spoken"}, "tooltip": tooltip}
    interval: Spec = {"mark": {"type": "rule", "strokeWidth": 1.5, "aria": False}}
    interval["encoding"] = {**shown, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    places: list[tuple[list[Point], Spec]] = [(above, {"align": "center"}), (beside, {"align": "left", "dx": 9})]
    around: Spec = {"stroke": "var(--paper)", "strokeWidth": 3, "strokeJoin": "round"}  # or lines strike through names
    layers: list[Spec] = [
        {"mark": {"type": "line", "strokeWidth": 2, "aria": False}, "encoding": {**shown, "y": y}},
        interval,
        *(
            {
                "data": {"values": at},
                "mark": {**text, **place, **around},
                "encoding": {"x": x, "opacity": faded, **named},
            }
            for at, place in places
        ),
        {
            "mark": {"type": "point", "filled": True, "size": 62, "opacity": 1},
            "encoding": {**shown, "y": y, "shape": shape(series), **told},
        },
        *({"data": {"values": at}, "mark": {**text, **place}, "encoding": {**shown, **named}} for at, place in places),
    ]
    if heights[0] < 0:
        zero = {"data": {"values": [{"value": 0}]}, "mark": {"type": "rule", "color": "var(--muted)", "aria": False}}
        layers.insert(0, {**zero, "encoding": {"y": y}})
    if any(p.get("paper") is not None for p in points):
        layers.append(
            {
                "transform": [{"filter": "isValid(datum.paper)"}],
                "mark": {"type": "tick", "orient": "horizontal", "size": 16, "thickness": 2.5, "aria": False},
                "encoding": {**shown, "y": {**y, "field": "paper"}, "tooltip": tooltip},
            }
        )
    if proved:
        layers += _from_below(below, shown, y, {**told, "shape": shape(series)})
    return {
        "data": {"values": drawn},
        "height": _HEIGHT,
        "params": [{"name": "picked", "value": None}],
        "layer": layers,
    }


def _placed(point: Point, series: Sequence[str], wide: float, x_title: str, y_title: str) -> Point:
    """The point a little beside its place, its numbers rounded to what can be seen, and in words for those who cannot
    see it.
    """
    place = list(series).index(str(point["series"]))
    at = float(point["x"] or 0) + (place - (len(series) - 1) / 2) * _ASIDE * wide
    rounded = {key: round(float(point[key] or 0), 3) for key in ("value", "low", "high") if point.get(key) is not None}
    return {**point, **rounded, "at": round(at, 6), "spoken": spoken({**point, **rounded}, x_title, y_title)}


def _labels(
    points: Sequence[Point], gap: float, character: float, corner: tuple[float, float]
) -> tuple[list[Point], list[Point]]:
    """The name of each series at its last point: beside it for those that end furthest right, else above it, or below
    the lowest of several where there is room. Names that would overlap, each letter as wide as `character`, are moved
    apart by `gap`, and none begins left of the corner where the axes meet.
    """
    left, bottom = corner
    last: dict[str, Point] = {}
    for point in points:
        known = last.get(str(point["series"]))
        if known is None or float(point["x"] or 0) >= float(known["x"] or 0):
            last[str(point["series"])] = point
    furthest = max((float(point["x"] or 0) for point in last.values()), default=0)
    beside = sorted((p for p in last.values() if p["x"] == furthest), key=_height)
    found: list[Point] = []
    for x in dict.fromkeys(point["x"] for point in last.values() if point["x"] != furthest):
        lowest, *others = sorted((p for p in last.values() if p["x"] == x), key=_height)
        if others and _height(lowest) - 1.5 * gap >= bottom:
            found += [*_apart([lowest], gap, lift=-gap), *_apart(others, gap, lift=gap)]
        else:
            found += _apart([lowest, *others], gap, lift=gap)
    lifted = _apart(beside, gap)
    over = [max(0.0, float(p["value"] or 0) - _height(own)) / 2 for p, own in zip(lifted, beside)]
    sunk = min(max(over, default=0.0), min((_height(p) for p in lifted), default=bottom) - bottom)
    edge = max((float(p["at"] or 0) for p in beside), default=0)
    inside = [{**p, "at": max(float(p["at"] or 0), left + _letters(p) / 2 * character)} for p in found]
    return _clear(inside, gap, character), [{**p, "at": edge, "value": _height(p) - max(0.0, sunk)} for p in lifted]


def _apart(points: Sequence[Point], gap: float, lift: float = 0.0) -> list[Point]:
    """Labels from the lowest up, each at its point or higher."""
    found: list[Point] = []
    for point in points:
        least = _height(found[-1]) + gap if found else -float("inf")
        found.append({"series": point["series"], "at": point["at"], "value": max(_height(point) + lift, least)})
    return found


def _clear(labels: Sequence[Point], gap: float, character: float) -> list[Point]:
    """Labels from the lowest up, each where it is or higher, so that none lies on another that stands near it."""
    found: list[Point] = []
    for label in sorted(labels, key=_height):
        value = _height(label)
        for other in sorted(found, key=_height):
            letters = (_letters(label) + _letters(other)) / 2
            near = abs(float(label["at"] or 0) - float(other["at"] or 0)) < letters * character
            if near and abs(value - _height(other)) < gap:
                value = _height(other) + gap
        found.append({**label, "value": value})
    return found


def _letters(label: Point) -> float:
    return min(len(str(label["series"])), _LETTERS)


def _height(point: Point) -> float:
    return float(point["value"] or 0)


def _from_below(points: Sequence[Point], shown: Spec, y: Mapping[str, object], marked: Spec) -> list[Spec]:
    data: Spec = {"values": list(points)}
    line: Spec = {**shown, "y": y}
    interval: Spec = {**shown, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    dashed = {"type": "line", "strokeWidth": 1.5, "strokeDash": [5, 4], "aria": False}
    return [
        {"data": data, "mark": dashed, "encoding": line},
        {"data": data, "mark": {"type": "rule", "strokeWidth": 1.5, "aria": False}, "encoding": interval},
        {"data": data, "mark": {"type": "point", "filled": False, "size": 52}, "encoding": {**line, **marked}},
    ]


def paper_note(panels: Sequence[Panel]) -> str:
    """A sentence for the caption about the paper's numbers, where any are drawn."""
    drawn = any(point.get("paper") is not None for panel in panels for point in panel.points)
    return " Short horizontal ticks are the paper's numbers." if drawn else ""
