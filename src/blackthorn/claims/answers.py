"""What every network answered, image by image and over all seeds, and what it cost: what statements and selections are
decided from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..measuring import Paired, paired, wilson
from ..results.cells import Cell

Place = tuple[str, str]
"""(row, metric)."""

Detections = Mapping[str, Sequence[Mapping[str, object]]]
"""Noise, empty for an attack -> the record of a detector for each seed."""

Curves = Mapping[tuple[str | None, str | None], list[tuple[float, Paired]]]
"""(layer, noise) -> for each rate, the difference from the smallest one; None: all layers, and untouched images."""


@dataclass(frozen=True)
class Answers:
    """Right or wrong at every place that is measured for all seeds."""

    flags: Mapping[Place, NDArray[np.bool_]]
    """bool (seeds, images)."""
    first: Mapping[Place, int]
    """How many test images are left out at the beginning: a black-box attack keeps some for its substitute."""
    costs: Mapping[Place, Sequence[Sequence[Mapping[str, object]]]] = field(default_factory=dict)
    """The records of a cost measure for each seed, at every place that has one for all seeds."""
    curves: Mapping[Place, Curves] = field(default_factory=dict)
    """The pruning curves of every place that has them for all seeds."""
    detections: Mapping[Place, Detections] = field(default_factory=dict)
    """The detectors of every place that has them for all seeds."""

    def missing(self, places: Iterable[Place]) -> list[str]:
        """Those that are not measured for all seeds yet, in words and each once."""
        there = self.flags.keys() | self.costs.keys() | self.curves.keys() | self.detections.keys()
        return [f"{row}, {metric}" for row, metric in dict.fromkeys(places) if (row, metric) not in there]

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
    """From cells, what statements and selections look at."""
    found: dict[Place, dict[int, Cell]] = {}
    spent: dict[Place, dict[int, list[Mapping[str, object]]]] = {}
    for cell in cells:
        if cell.flags is not None:
            found.setdefault((cell.row, cell.metric), {})[cell.seed] = cell
        elif cell.record.get("measure") == "cost":
            spent.setdefault((cell.row, cell.metric), {}).setdefault(cell.seed, []).append(cell.record)
    flags, first = {}, {}
    for place, by_seed in found.items():
        held = [by_seed[seed] for seed in seeds if seed in by_seed]
        if len(held) == len(seeds):
            flags[place] = np.stack([cell.flags for cell in held if cell.flags is not None])
            first[place] = _left_out(held[0])
    costs = {
        place: [by_seed[seed] for seed in seeds] for place, by_seed in spent.items() if by_seed.keys() >= set(seeds)
    }
    return Answers(flags, first, costs, _curves(cells, seeds), _detections(cells, seeds))


def _curves(cells: Sequence[Cell], seeds: Sequence[int]) -> dict[Place, Curves]:
    found: dict[Place, dict[tuple[str | None, str | None], dict[float, dict[int, Cell]]]] = {}
    for cell in cells:
        record = cell.record
        if record.get("measure") == "pruning_curve":
            layer, noise = (None if record[key] is None else str(record[key]) for key in ("layer", "noise"))
            curve = found.setdefault((cell.row, cell.metric), {}).setdefault((layer, noise), {})
            curve.setdefault(float(str(record["rate"])), {})[cell.seed] = cell
    return {
        place: {
            name: [(rate, _moved([by_seed[seed] for seed in seeds])) for rate, by_seed in sorted(curve.items())]
            for name, curve in curves.items()
        }
        for place, curves in found.items()
        if all(by_seed.keys() >= set(seeds) for curve in curves.values() for by_seed in curve.values())
    }


def _detections(cells: Sequence[Cell], seeds: Sequence[int]) -> dict[Place, Detections]:
    found: dict[Place, dict[str, dict[int, Mapping[str, object]]]] = {}
    for cell in cells:
        if cell.record.get("measure") == "detection":
            attackers = found.setdefault((cell.row, cell.metric), {})
            attackers.setdefault(str(cell.record.get("noise") or ""), {})[cell.seed] = cell.record
    return {
        place: {noise: [by_seed[seed] for seed in seeds] for noise, by_seed in attackers.items()}
        for place, attackers in found.items()
        if all(by_seed.keys() >= set(seeds) for by_seed in attackers.values())
    }


def _moved(cells: Sequence[Cell]) -> Paired:
    """A rate minus the smallest one, from how many images it gained and lost. Which they are is not kept, so that of
    several seeds they are taken to be the same ones: the interval is the widest that there can be.
    """
    counts = [[int(str(cell.record[key])) for key in ("gained", "lost", "n")] for cell in cells]
    images = min(n for _, _, n in counts)
    at = np.arange(images)
    ours = np.stack([at < gained for gained, _, _ in counts])
    theirs = np.stack([at >= images - lost for _, lost, _ in counts])
    return paired(ours, theirs)


def _left_out(cell: Cell) -> int:
    first = cell.record.get("first", 0)
    return first if isinstance(first, int) else 0
