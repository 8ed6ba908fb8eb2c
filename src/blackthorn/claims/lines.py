"""Time against the multiplications that are left, and the straight line through it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_SMALLEST_FIRST = ("shrunk", "masked", "dense")
Point = tuple[float, float]
"""Multiply-accumulates of one image, and time as a multiple of the dense network's."""


@dataclass(frozen=True)
class Line:
    """y = fixed + slope * x by least squares."""

    fixed: float
    slope: float
    r2: float
    """The share of the variance of y that it explains; 0 where x or y is the same for all."""


def straight_line(points: Sequence[Point]) -> Line:
    """Through all the points."""
    x, y = np.array(points, dtype=float).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return Line(float(y.mean()), 0.0, 0.0)
    slope, fixed = np.polyfit(x, y, 1)
    left = ((y - fixed - slope * x) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    return Line(float(fixed), float(slope), 1 - float(left))


def relative_times(by_seed: Sequence[Sequence[Mapping[str, object]]], batch: int) -> list[Point]:
    """The point of each seed, from its records of cost: that of the smallest form; none where times are missing."""
    found = []
    for records in by_seed:
        macs, times = _by_form(records, "macs", None), _by_form(records, "latency", batch)
        form = next((form for form in _SMALLEST_FIRST if form in macs and form in times), None)
        if form is not None and "dense" in times:
            found.append((macs[form], times[form] / times["dense"]))
    return found


def _by_form(records: Sequence[Mapping[str, object]], metric: str, batch: int | None) -> dict[str, float]:
    return {
        str(record["form"]): float(value)
        for record in records
        if (record["metric"], record["batch"]) == (metric, batch) and isinstance(value := record["value"], (int, float))
    }
