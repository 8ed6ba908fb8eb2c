"""Vega-Lite in plain dictionaries: one small panel each for pruning curves, accuracy against eps, and cost.

Colours are CSS variables, so one chart serves the light and the dark page; `for_file` writes plain colours
in. Every series has a shape as well as a colour. Palette: Okabe & Ito 2008, Color Universal Design.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Spec: TypeAlias = dict[str, object]
Point: TypeAlias = Mapping[str, str | float | None]

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b7280")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")
SHAPE_PATHS = (
    '<circle cx="6" cy="6" r="4.5"/>',
    '<rect x="2" y="2" width="8" height="8"/>',
    '<path d="M6 1.5 11 10.5H1z"/>',
    '<path d="M6 0.5 10.5 6 6 11.5 1.5 6z"/>',
    '<path d="M4.2 1h3.6v3.2H11v3.6H7.8V11H4.2V7.8H1V4.2h3.2z"/>',
    '<path d="M6 10.5 1 1.5h10z"/>',
    '<path d="M10.5 6 1.5 11V1z"/>',
)
"""The same shapes for the page's own legend, in a box of 12 x 12."""
SERIES = len(COLOURS)
"""No chart shows more lines than there are colours."""

_INK = {"--ink": "#1f2328", "--muted": "#59636e", "--rule": "#d8dee4", "--paper": "#ffffff"}
_FILE_COLOURS = {**_INK, **{f"--c{i}": colour for i, colour in enumerate(COLOURS)}}
_SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"


_CURVE_TIPS = {"series": "noise", "x": "pruned (%)", "shown": "accuracy", "success": "taken for the target"}


@dataclass(frozen=True)
class Panel:
    """One chart: its heading, what it says in words for those who cannot see it, and how it is drawn."""

    title: str
    spoken: str
    points: Sequence[Point]
    spec: Spec


@dataclass(frozen=True)
class Chart:
    """A figure of one or several panels that share their series."""

    name: str
    title: str
    caption: str
    series: Sequence[str]
    panels: Sequence[Panel]
    lines: bool = False
    """Many lines of many points: told apart by colour and dashes, not by shapes; the first one is dark."""
    table: str = ""
    """The file that has the same numbers, if it is one of its own."""


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
                "color": _colour(series),
                "opacity": {"condition": {"test": _PICKED, "value": 0.16}, "value": 0.03},
            },
        },
        {
            "mark": {"type": "line", "strokeWidth": 2},
            "encoding": {"x": x, "y": y, "color": _colour(series), "opacity": faded},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 1.25},
            "encoding": {
                "x": x,
                "y": {**y, "field": "low"},
                "y2": {"field": "high"},
                "color": _colour(series),
                "opacity": faded,
            },
        },
        {
            "mark": {"type": "point", "filled": True, "size": 62, "opacity": 1},
            "encoding": {
                "x": x,
                "y": y,
                "color": _colour(series),
                "shape": {"field": "series", "type": "nominal", "scale": _scale(series, SHAPES)},
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
                    "color": _colour(series),
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
    colour = {"field": "series", "type": "nominal", "scale": {"domain": list(series), "range": _hues(series)}}
    dash = {"field": "series", "type": "nominal", "scale": {"domain": list(series), "range": _dashes(series)}}
    layers: list[Spec] = [
        {
            "mark": {"type": "line", "strokeJoin": "round"},
            "encoding": {
                "x": x,
                "y": y,
                "color": colour,
                "strokeDash": dash,
                "strokeWidth": {
                    "condition": {"test": f"datum.series === {json.dumps(series[0])}", "value": 2.8},
                    "value": 1.6,
                },
                "opacity": {"condition": {"test": _PICKED, "value": 1}, "value": 0.1},
            },
        },
        {
            "name": _POINTER,
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


def marks(chart: Chart) -> list[str]:
    """What stands for each series in the page's legend, as SVG in a box of 12 x 12."""
    if not chart.lines:
        shapes = SHAPE_PATHS if chart.name != "cost" else SHAPE_PATHS[1:2]
        return [f'<g style="fill:var(--c{i})">{shapes[i % len(shapes)]}</g>' for i in range(len(chart.series))]
    line = '<path d="M0 6h12" style="fill:none;stroke:{};stroke-width:{};stroke-dasharray:{}"/>'
    return [
        line.format(hue, 3.2 if i == 0 else 2.4, " ".join(map(str, dash)) or "none")
        for i, (hue, dash) in enumerate(zip(_hues(chart.series), _dashes(chart.series)))
    ]


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
                    "color": _colour(series),
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


def for_page(panel: Panel) -> Spec:
    """A panel as wide as its place on the page, without a legend: the page has one for the keyboard too."""
    sized: Spec = {"width": "container", "height": panel.spec.get("height", 220)}
    fit = {
        "autosize": {"type": "fit-x", "contains": "padding"},
        "background": None,
        "config": _config(_SANS, None),
    }
    return {**_HEAD, "description": panel.spoken, **panel.spec, **sized, **fit}


def for_file(chart: Chart) -> Spec:
    """All panels of a chart side by side with a legend, in plain colours on white."""
    place = {"width": 270, "height": 210}
    panels = [{**place, **_still(panel.spec), "title": panel.title} for panel in chart.panels]
    legend: Spec = {
        "orient": "bottom",
        "columns": 4,
        "labelLimit": 260,
        "title": None,
        "symbolSize": 90,
        "symbolOpacity": 1,
        **({"columns": 6, "symbolType": "stroke", "symbolStrokeWidth": 2} if chart.lines else {}),
    }
    whole: Spec = {
        **_HEAD,
        "description": chart.caption,
        "title": {"text": chart.title, "fontSize": 15, "anchor": "start", "offset": 12},
        "padding": 16,
        "background": "#ffffff",
        "params": [{"name": "picked", "value": None}],
        "concat": panels,
        "columns": 2 if len(panels) == 4 else 4 if len(panels) % 4 == 0 else min(3, len(panels)),
        "config": _config("Helvetica, Arial, sans-serif", legend),
    }
    written = json.dumps(whole)
    for name, colour in _FILE_COLOURS.items():
        written = written.replace(f'"var({name})"', f'"{colour}"')  # whole strings: a row's name stays as it is
    made: Spec = json.loads(written)
    return made


def _still(spec: Spec) -> Spec:
    """What is drawn of a panel where nothing moves."""
    layers = spec.get("layer")
    seen = {"layer": [one for one in layers if one.get("name") != _POINTER]} if isinstance(layers, list) else {}
    return {key: held for key, held in {**spec, **seen}.items() if key != "params"}


_HEAD: Spec = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json"}
_POINTER = "pointer"  # a layer that nobody sees, for the pointer of a page to find points in
_PICKED = "picked == null || datum.series === picked"


def _scale(series: Sequence[str], held: Sequence[str]) -> Spec:
    return {"domain": list(series), "range": [held[i % len(held)] for i in range(len(series))]}


def _colour(series: Sequence[str]) -> Spec:
    colours = [f"var(--c{i})" for i in range(SERIES)]
    return {"field": "series", "type": "nominal", "scale": _scale(series, colours)}


def _hues(series: Sequence[str]) -> list[str]:
    """Ink for the first, then the palette, again and again."""
    return ["var(--ink)", *(f"var(--c{i % SERIES})" for i in range(len(series) - 1))][: len(series)]


def _dashes(series: Sequence[str]) -> list[list[int]]:
    """Whole lines, then dashed ones where a colour comes again."""
    rounds: tuple[list[int], ...] = ([], [5, 3], [2, 2])
    return [rounds[max(i - 1, 0) // SERIES % len(rounds)] for i in range(len(series))]


def _config(font: str, legend: Spec | None) -> Spec:
    axis = {
        "labelColor": "var(--muted)",
        "titleColor": "var(--muted)",
        "gridColor": "var(--rule)",
        "domainColor": "var(--rule)",
        "tickColor": "var(--rule)",
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "domain": True,
        "labelFlush": False,
    }
    return {
        "font": font,
        "view": {"stroke": None},
        "axis": axis,
        "axisY": {"domain": False, "ticks": False, "labelPadding": 6},
        "title": {"color": "var(--ink)", "fontSize": 12, "fontWeight": 600, "anchor": "start"},
        "legend": {"disable": True} if legend is None else {**legend, "labelColor": "var(--ink)", "labelFontSize": 11},
    }
