"""What every network answered, image by image and over all seeds: what statements and selections are decided from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..measuring import Paired, paired, wilson
from .cells import Cell

Place = tuple[str, str]
"""(row, metric)."""


@dataclass(frozen=True)
class Answers:
    """Right or wrong at every place that is measured for all seeds."""

    flags: Mapping[Place, NDArray[np.bool_]]
    """bool (seeds, images)."""
    first: Mapping[Place, int]
    """How many test images are left out at the beginning: a black-box attack keeps some for its substitute."""

    def missing(self, places: Iterable[Place]) -> list[str]:
        """Those that are not measured for all seeds yet, in words and each once."""
        return [f"{row}, {metric}" for row, metric in dict.fromkeys(places) if (row, metric) not in self.flags]

    def accuracy(self, place: Place) -> tuple[float, float, float]:
        """Percent with its 95 % interval; the images are the sample, whatever the number of seeds."""
        flags = self.flags[place]
        share = float(flags.mean())
        low, high = wilson(round(share * flags.shape[1]), flags.shape[1])
        return 100 * share, 100 * low, 100 * high

    def compare(self, place: Place, other: Place) -> Paired | None:
        """`place` minus `other` on the test images that both have; None where they were measured on other sets.

        Images left out at the beginning of one are left out of both. What `n_max` spreads over the test set is no
        such part of it, so a measure with `n_max` is comparable only with one of the same images.
        """
        start = max(self.first[place], self.first[other])
        ours, theirs = (self.flags[at][:, start - self.first[at] :] for at in (place, other))
        return paired(ours, theirs) if ours.shape == theirs.shape and ours.size else None


def gather(cells: Sequence[Cell], seeds: Sequence[int]) -> Answers:
    """From cells, those of an accuracy only."""
    found: dict[Place, dict[int, Cell]] = {}
    for cell in cells:
        if cell.flags is not None:
            found.setdefault((cell.row, cell.metric), {})[cell.seed] = cell
    flags, first = {}, {}
    for place, by_seed in found.items():
        held = [by_seed[seed] for seed in seeds if seed in by_seed]
        if len(held) == len(seeds):
            flags[place] = np.stack([cell.flags for cell in held if cell.flags is not None])
            first[place] = _left_out(held[0])
    return Answers(flags, first)


def _left_out(cell: Cell) -> int:
    first = cell.record.get("first", 0)
    return first if isinstance(first, int) else 0
