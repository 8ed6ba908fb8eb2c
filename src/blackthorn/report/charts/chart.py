"""Figures of one or several panels, drawn for the page and for a file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from ..words import minus, radius
from .palette import Spec, plain

Point: TypeAlias = Mapping[str, str | float | None]

POINTER = "pointer"
"""The name of a layer that nobody sees, for the pointer of a page to find points in."""
PICKED = "picked == null || datum.series === picked"
"""The test of a mark for whether its series is shown in full strength: all are, until a legend picks one."""
_HEAD: Spec = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json"}
_SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"


@dataclass(frozen=True)
class Panel:
    """One chart: its heading, what it says in words for those who cannot see it, and how it is drawn."""

    title: str
    spoken: str
    points: Sequence[Point]
    spec: Spec


@dataclass(frozen=True)
class Key:
    """How the legend of one kind of panel looks and works; each kind defines its own beside how it is drawn."""

    marks: Callable[[Sequence[str]], list[str]]
    """From the series to what stands for each in the page's legend, as SVG in a box of 12 x 12."""
    picks: bool = True
    """Whether the legend can pick one series, whose marks then stand out; they test `PICKED` for that."""
    in_file: Spec = field(default_factory=dict)
    """What the legend of a file has beside what all have, in Vega-Lite."""


@dataclass(frozen=True)
class Chart:
    """A figure of one or several panels of one kind that share their series."""

    name: str
    """Names its files in `figures/`; no two charts of a page have the same."""
    title: str
    caption: str
    series: Sequence[str]
    panels: Sequence[Panel]
    key: Key
    table: str = ""
    """The file that has the same numbers, if it is one of its own."""

    @property
    def marks(self) -> list[str]:
        """What stands for each series in the page's legend, as SVG in a box of 12 x 12."""
        return self.key.marks(self.series)


def spoken(point: Point, x_title: str, y_title: str) -> str:
    """A point of a line in rounded words, for those who cannot see it: its `series`, `x`, `value` and interval."""
    x, value = (float(point[name] or 0) for name in ("x", "value"))
    ends = [float(held) for end in ("low", "high") if (held := point.get(end)) is not None]
    between = f", from {ends[0]:.4g} to {ends[1]:.4g}" if len(ends) > 1 else ""
    return minus(f"{point['series']}, {x_title} {radius(x)}: {y_title} {value:.4g}{between}")


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
    place = {"width": 270, "height": 220}
    panels = [{**place, **_still(panel.spec), "title": panel.title} for panel in chart.panels]
    legend: Spec = {
        "orient": "bottom",
        "columns": 4,
        "labelLimit": 260,
        "title": None,
        "symbolSize": 90,
        "symbolOpacity": 1,
        **chart.key.in_file,
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
