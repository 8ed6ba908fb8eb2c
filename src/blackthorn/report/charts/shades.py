"""Shades that stand for numbers, from dark for little to light for much, in levels that people can read off.

The shades run through blue and green to yellow, and everyone tells them apart by how light they are, in print too. They
are the same on the light and on the dark page. Palette: viridis, Smith & van der Walt 2015.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .chart import Key
from .palette import Spec

_VIRIDIS = ("#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725")
_MOST = 8
"""Levels; more shades than one above them cannot be told apart at a glance."""


def levels(lowest: float, highest: float) -> list[float]:
    """At most 8 round numbers between two others: 1, 2, 5, 10, ... where all are positive, else equal steps."""
    if lowest > 0:
        first = math.floor(math.log10(lowest))
        decades = range(first, math.ceil(math.log10(max(highest, lowest))) + 1)
        round_numbers = [float(f"{step}e{decade}") for decade in decades for step in (1, 2, 5)]
        found = [level for level in round_numbers if lowest < level < highest]
        if len(found) > 1:
            return found[-_MOST:]
    step = next_round((highest - lowest) / _MOST) or 1.0
    places = range(math.floor(lowest / step) + 1, math.ceil(highest / step))
    return [round(place * step, 12) for place in places] or [highest]


def next_round(number: float) -> float:
    """The smallest of 1, 2, 2.5, 5 and 10 times a power of ten that is no smaller; 0 for 0."""
    if number <= 0:
        return 0.0
    power = math.floor(math.log10(number))
    return next(made for step in (1, 2, 2.5, 5, 10) if (made := float(f"{step}e{power}")) >= number * (1 - 1e-9))


def bands(levels: Sequence[float]) -> list[str]:
    """The names of the parts between levels: "below 1", "1 to 2", "2 and more"."""
    said = [f"{level:g}" for level in levels]
    return [f"below {said[0]}", *(f"{a} to {b}" for a, b in pairwise(said)), f"{said[-1]} and more"]


def shades(n: int) -> list[str]:
    """`n` shades from dark to light, as #rrggbb."""
    at = np.linspace(0, 1, n) if n > 1 else np.zeros(1)
    return ["#" + "".join(f"{round(255 * part):02x}" for part in rgb) for rgb in shaded(at)]


def shaded(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shades for numbers in [0, 1]: from shape (...) to red, green and blue in [0, 1], (..., 3)."""
    known = np.array([[int(one[i : i + 2], 16) / 255 for i in (1, 3, 5)] for one in _VIRIDIS])
    at = np.linspace(0, 1, len(known))
    return np.stack([np.interp(np.clip(share, 0, 1), at, known[:, part]) for part in range(3)], -1)


def shade(series: Sequence[str]) -> Spec:
    """From the first series dark to the last one light, as an encoding."""
    return {"field": "series", "type": "nominal", "scale": {"domain": list(series), "range": shades(len(series))}}


def _marks(series: Sequence[str]) -> list[str]:
    square = '<rect x="1" y="1" width="10" height="10" style="fill:{};stroke:var(--muted)"/>'
    return [square.format(one) for one in shades(len(series))]


SHADES = Key(_marks, picks=False, in_file={"columns": 9, "symbolType": "square", "symbolStrokeColor": "#59636e"})
"""A square of its shade for each band or number."""
