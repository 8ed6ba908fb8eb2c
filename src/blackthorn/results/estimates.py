"""From cells to one number with an honest interval: over images, and over seeds.

One seed: the interval of its record. Several seeds are tested on the same images, so pooling counts each image several
times. Instead the image error (Wilson, n = images of one test set) and the seed error (Student's t over the seeds),
which are independent, add in quadrature.

Reference:
    Wilson 1927, Probable inference, the law of succession, and statistical inference.
    Agresti & Min 2005, Simple improved confidence intervals for comparing matched proportions ("Wald+2").
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .statistics import wilson

_Z = 1.959963984540054  # two-sided 95 % of the normal distribution


class Share(Protocol):
    """A record of a share of images: an accuracy, a point of a pruning curve, the area of a detector."""

    @property
    def value(self) -> float:
        """Fraction in [0, 1]."""

    @property
    def low(self) -> float:
        """Lower end of its 95 % interval."""

    @property
    def high(self) -> float:
        """Upper end of its 95 % interval."""

    @property
    def n(self) -> int:
        """Images."""


class ShareCell(Protocol):
    """A cell whose record is a share."""

    @property
    def seed(self) -> int:
        """The seed that it was measured with."""

    @property
    def record(self) -> Share:
        """What was measured."""

    @property
    def flags(self) -> NDArray[np.bool_] | None:
        """(images,), True = classified right."""


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its 95 % interval; accuracies are fractions in [0, 1]."""

    value: float
    low: float
    high: float
    seeds: tuple[int, ...]
    n: int
    """Test images of one seed."""


@dataclass(frozen=True)
class Difference:
    """`value` = first minus second, with its 95 % interval."""

    value: float
    low: float
    high: float
    paired: bool
    """True = measured image by image; False = from the two intervals alone, which is wider."""

    @property
    def tells(self) -> bool:
        """Whether the interval leaves out zero."""
        return not self.low <= 0 <= self.high


def estimate(cells: Sequence[ShareCell]) -> Estimate | None:
    """The share of one row under one metric from its cells, one for each seed; None without cells."""
    if not cells:
        return None
    values = [cell.record.value for cell in cells]
    seeds, n = tuple(cell.seed for cell in cells), min(cell.record.n for cell in cells)
    mean = min(1.0, max(0.0, sum(values) / len(values)))
    if len(cells) == 1:
        return Estimate(mean, cells[0].record.low, cells[0].record.high, seeds, n)
    low, high = _wilson(mean, n)
    between = _seed_error(values)
    return Estimate(
        mean,
        max(0.0, mean - math.hypot(mean - low, between)),
        min(1.0, mean + math.hypot(high - mean, between)),
        seeds,
        n,
    )


def difference(first: Sequence[ShareCell], second: Sequence[ShareCell]) -> Difference | None:
    """First minus second over the seeds they share; paired image by image wherever both kept their flags."""
    ours, theirs = {c.seed: c for c in first}, {c.seed: c for c in second}
    shared = sorted(ours.keys() & theirs.keys())
    if not shared:
        return None
    pairs = [(ours[seed], theirs[seed]) for seed in shared]
    flags = [(a.flags, b.flags) for a, b in pairs if a.flags is not None and b.flags is not None]
    if len(flags) == len(pairs) and len({f.shape for pair in flags for f in pair}) == 1 and flags[0][0].size:
        per_image = np.stack([a.astype(np.float64) - b.astype(np.float64) for a, b in flags])
        by_seed = [float(moved) for moved in per_image.mean(axis=1)]
        image_error, paired = _paired_error(per_image.mean(axis=0)), True
    else:
        by_seed = [a.record.value - b.record.value for a, b in pairs]
        a, b = estimate([pair[0] for pair in pairs]), estimate([pair[1] for pair in pairs])
        assert a is not None and b is not None  # both have the shared seeds
        image_error, paired = math.hypot((a.high - a.low) / 2, (b.high - b.low) / 2), False
    mean = sum(by_seed) / len(by_seed)
    half = math.hypot(image_error, _seed_error(by_seed) if paired else 0.0)
    return Difference(mean, mean - half, mean + half, paired)


def _wilson(share: float, n: int) -> tuple[float, float]:
    """The interval of a mean over seeds, whose count of right images need not be whole."""
    return wilson(min(share * n, n), n)  # type: ignore[arg-type]  # the closed form takes any number


def _paired_error(moved: NDArray[np.float64]) -> float:
    n = moved.size + 2  # half an image in each of the four cells right/wrong x right/wrong
    variance = (float(np.square(moved).sum()) + 1) / n - (float(moved.sum()) / n) ** 2
    return _Z * math.sqrt(variance / n)


def _seed_error(values: Sequence[float]) -> float:
    """Half the 95 % t interval of the mean over seeds."""
    if len(values) < 2:
        return 0.0
    from scipy.special import stdtrit

    spread = float(np.std(np.asarray(values, dtype=np.float64), ddof=1))
    return float(stdtrit(len(values) - 1, 0.975)) * spread / math.sqrt(len(values))
