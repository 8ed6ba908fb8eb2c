"""Ticks of axes: round numbers that reach both ends, and of given places as many as can be read."""

import math
from collections.abc import Sequence

from .shades import next_round

_MOST = 6  # ticks of a short axis
_LABEL = 0.11  # of the axis is about what a label needs, on a panel as narrow as a phone


def round_ticks(low: float, high: float, most: int = _MOST) -> list[float]:
    """At most so many round numbers in equal steps, the first no larger than `low` and the last no smaller than `high`:
    an axis from the first to the last is labelled up to its ends.
    """
    span = max(high - low, 1e-9)
    step = next_round(span / (most - 1))
    while True:
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first < most:
            return [round(place * step, 12) for place in range(first, max(last, first + 1) + 1)]
        step = next_round(step * 1.5)


def readable(places: Sequence[float]) -> list[float]:
    """Of these places, ascending, those whose labels do not overlap: both ends first, then from the left."""
    if len(places) < 3:
        return list(places)
    room = _LABEL * (places[-1] - places[0])
    kept = [places[0]]
    for place in places[1:-1]:
        if place - kept[-1] >= room and places[-1] - place >= room:
            kept.append(place)
    return [*kept, places[-1]]
