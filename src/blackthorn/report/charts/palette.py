"""What tells one series of a chart from another: colours, shapes and dashes.

Colours are CSS variables, so one chart serves the light and the dark page; `plain` writes plain colours in. Every
series has a shape or dashes as well as a colour.

Palette: blue, vermilion and green of Okabe & Ito 2008, Color Universal Design. Their other colours are too light for
lines on white; in their place stand the hues nearest to them that have a contrast of 3 to 1 (WCAG 2.2, 1.4.11) and lie
as far from all others as they can for people with and without red or green cones.
"""

import json
from collections.abc import Sequence
from typing import TypeAlias

Spec: TypeAlias = dict[str, object]
"""Vega-Lite in plain dictionaries."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#73103b", "#543d07", "#017be8", "#646776")
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


def plain(spec: Spec) -> Spec:
    """The same chart with plain colours on white, for where there is no CSS."""
    written = json.dumps(spec)
    for name, shown in _FILE_COLOURS.items():
        written = written.replace(f'"var({name})"', f'"{shown}"')  # whole strings: a row's name stays as it is
    made: Spec = json.loads(written)
    return made


def colour(series: Sequence[str]) -> Spec:
    """The palette in the order of the series, as an encoding."""
    colours = [f"var(--c{i})" for i in range(SERIES)]
    return _by_series(series, colours)


def shape(series: Sequence[str]) -> Spec:
    """The shapes in the order of the series, as an encoding."""
    return _by_series(series, SHAPES)


def hue(series: Sequence[str]) -> Spec:
    """As `colour`, where there are many series: ink for the first, then the palette, again and again."""
    return _by_series(series, hues(series))


def dash(series: Sequence[str]) -> Spec:
    """Dashes that tell series of one hue apart, as an encoding."""
    return _by_series(series, dashes(series))


def hues(series: Sequence[str]) -> list[str]:
    """Ink for the first, then the palette, again and again."""
    return ["var(--ink)", *(f"var(--c{i % SERIES})" for i in range(len(series) - 1))][: len(series)]


def dashes(series: Sequence[str]) -> list[list[int]]:
    """Whole lines, then dashed ones where a colour comes again."""
    rounds: tuple[list[int], ...] = ([], [5, 3], [2, 2])
    return [rounds[max(i - 1, 0) // SERIES % len(rounds)] for i in range(len(series))]


def in_box(place: int, shape: str) -> str:
    """One of `SHAPE_PATHS` in the colour of the series at this place, as SVG."""
    return f'<g style="fill:var(--c{place})">{shape}</g>'


def _by_series(series: Sequence[str], held: Sequence[object]) -> Spec:
    """An encoding that gives each series what is held at its place, and begins again at the end."""
    scale = {"domain": list(series), "range": [held[i % len(held)] for i in range(len(series))]}
    return {"field": "series", "type": "nominal", "scale": scale}
