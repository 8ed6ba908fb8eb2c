"""Which images of a test set were looked at: all, or so many of them, evenly spread."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError

Half = Literal["all", "even", "odd"]
"""All images, or those at even or at odd places, counted from 0: two halves that share no image."""


def evenly(total: int, wanted: int | None, part: Half = "all") -> NDArray[np.int64]:
    """Indices of `wanted` of `total` images, or of one half, evenly spread: a set sorted by class gives every class.

    Raises:
        DataError: there is no image in this half.
    """
    places = np.arange(int(part == "odd"), total, 1 if part == "all" else 2)
    if total and not len(places):
        raise DataError(f"part: there is no image at {part} places among {total}; leave part out")
    n = how_many(total, wanted, part)
    return places[np.arange(n) * len(places) // max(n, 1)]


def how_many(total: int, wanted: int | None, part: Half = "all") -> int:
    """How many indices `evenly` gives; none where it would refuse."""
    places = total if part == "all" else (total + (part == "even")) // 2
    return places if wanted is None else min(wanted, places)
