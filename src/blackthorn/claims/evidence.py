"""What statements and selections are decided from: the places of a grid that are measured for all seeds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..results import AccuracyRecord, Cell, Difference, Estimate, Grid, Place, Record, alarms, difference, estimate

K = TypeVar("K", bound=Record)


@dataclass(frozen=True)
class Evidence:
    """A grid, looked at place by place; a place that lacks a seed counts as not measured."""

    grid: Grid

    @cached_property
    def rates(self) -> Mapping[str, float]:
        """The fraction that was to be removed from each row; 0 = not pruned."""
        return self.grid.rates

    def cells(self, kind: type[K], place: Place) -> list[Cell[K]]:
        """The cells of one kind of record at a place, in the order of the seeds; none where a seed is not measured."""
        wanted = set(self.grid.seeds)
        held = [cell for cell in self.grid.of(kind).get(place, []) if cell.seed in wanted]
        return held if {cell.seed for cell in held} == wanted else []

    def records(self, kind: type[K], place: Place) -> list[list[K]]:
        """The records of one kind at a place: a list for each seed; none where a seed is not measured."""
        by_seed: dict[int, list[K]] = {}
        for cell in self.cells(kind, place):
            by_seed.setdefault(cell.seed, []).append(cell.record)
        return list(by_seed.values())

    def missing(self, kind: type[Record], places: Iterable[Place]) -> list[str]:
        """The places without such records for all seeds, in words and each once."""
        return [f"{row}, {metric}" for row, metric in dict.fromkeys(places) if not self.cells(kind, (row, metric))]

    def alarmed(self, kind: type[Record], places: Iterable[Place]) -> list[str]:
        """The places whose number is under alarm, and so an upper bound: in words, with the alarms, each once."""
        rung = {place: alarms(self.cells(kind, place)) for place in places}
        return [f"{row}, {metric} ({', '.join(rang)})" for (row, metric), rang in rung.items() if rang]

    def flags(self, place: Place) -> NDArray[np.bool_] | None:
        """Right or wrong for every image, (seeds, images); None where a seed is not measured."""
        found = [cell.flags for cell in self.cells(AccuracyRecord, place) if cell.flags is not None]
        return np.stack(found) if found and len(found) == len(self.grid.seeds) else None

    def accuracy(self, place: Place) -> Estimate | None:
        """The accuracy with its 95 % interval; None where a seed is not measured. Under alarm it begins at 0."""
        return estimate(self.cells(AccuracyRecord, place))

    def compare(self, place: Place, other: Place, *, as_found: bool = False) -> Difference | None:
        """`place` minus `other` on the test images that both have; None where they share none.

        An alarm at either leaves an end of the interval open, and alarms at both leave nothing to compare, unless it is
        what the attacks themselves found that is compared.
        """
        ours, theirs = (self.cells(AccuracyRecord, at) for at in (place, other))
        found = difference(ours, theirs, as_found=as_found)
        return found if found is not None and found.paired else None
