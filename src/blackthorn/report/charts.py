"""Figures of one or several panels, drawn for the page and for a file."""

from collections.abc import Sequence
from dataclasses import dataclass

from .palette import SHAPE_PATHS, Spec, dashes, hues, plain
from .panels import POINTER, Panel

_HEAD: Spec = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json"}
_SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"


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


def marks(chart: Chart) -> list[str]:
    """What stands for each series in the page's legend, as SVG in a box of 12 x 12."""
    if not chart.lines:
        shapes = SHAPE_PATHS if chart.name != "cost" else SHAPE_PATHS[1:2]
        return [f'<g style="fill:var(--c{i})">{shapes[i % len(shapes)]}</g>' for i in range(len(chart.series))]
    line = '<path d="M0 6h12" style="fill:none;stroke:{};stroke-width:{};stroke-dasharray:{}"/>'
    return [
        line.format(ink, 3.2 if i == 0 else 2.4, " ".join(map(str, dash)) or "none")
        for i, (ink, dash) in enumerate(zip(hues(chart.series), dashes(chart.series)))
    ]


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
    return plain(
        {
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
    )


def _still(spec: Spec) -> Spec:
    """What is drawn of a panel where nothing moves."""
    layers = spec.get("layer")
    seen = {"layer": [one for one in layers if one.get("name") != POINTER]} if isinstance(layers, list) else {}
    return {key: held for key, held in {**spec, **seen}.items() if key != "params"}


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
