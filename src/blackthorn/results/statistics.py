"""How sure a number is: the one place that makes intervals and tests, for pages, files and statements alike.

A number has two errors. Another test set would give another number (the error of images), and so would another seed
(the error of seeds). What seed s says of image i is

    mean + effect of seed s + effect of image i + rest

with both effects random and crossed, since all seeds look at the same test images. The variance of the mean over S
seeds and n images is then (variance of seeds)/S + (variance of images)/n + (variance of the rest)/(S n). The first and
the last are estimated together by the spread of the seeds' means, with Student's t; the last two by the spread over the
images of the mean over seeds, or bounded by that of one test set. So the rest counts twice, and an interval is too wide
rather than too narrow. Images are never pooled over seeds.

With one seed nothing is known about the error of seeds. The interval is that over images, and it tells about this
network and not about the method: `reach` says so in words. Decision 14 has the alternatives and their prices.

Closed forms on plain numbers. Flags are numpy or torch arrays of bool, True = classified right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..errors import BlackthornError
from .intervals import TAIL, Ends, Given, Minus, OfNormal, OfShare, OverSeeds, student_quantile, tail_at, tail_of

_UNBOUNDED = (-math.inf, math.inf)
_WIDE = 0.02  # a share


@dataclass(frozen=True)
class Reading:
    """A number as one seed gives it, with its 95 % interval over images; in [0, 1] unless `bounded` is False."""

    value: float
    low: float
    high: float
    n: int
    """Images."""
    share: bool = True
    """Whether it is a share of the images, whose interval is Wilson's; False for an area under a curve."""
    bounded: bool = True
    """Whether it cannot leave [0, 1]; a count or a distance can."""


@dataclass(frozen=True)
class _Sure:
    """A number that knows how sure it is."""

    value: float
    seeds: tuple[int, ...]
    n: int
    """Test images of one seed."""
    ends: Ends
    """Its interval at any level."""
    bounds: tuple[float, float]
    """The values that it can have."""

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """The ends of its interval at this level, inside the values that the number can have."""
        return self._at(tail_of(level))

    @cached_property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self._at(TAIL)[0]

    @cached_property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self._at(TAIL)[1]

    def at_least(self, threshold: float) -> float:
        """One-sided p-value of the hypothesis that the truth is below the threshold.

        At most 0.025 exactly where the 95 % interval begins at the threshold or above; so do the other three.
        """
        return tail_at(lambda tail: self._at(tail)[0] >= threshold)

    def above(self, threshold: float) -> float:
        """Of the hypothesis that the truth is at most the threshold."""
        return tail_at(lambda tail: self._at(tail)[0] > threshold)

    def at_most(self, threshold: float) -> float:
        """Of the hypothesis that the truth is above the threshold."""
        return tail_at(lambda tail: self._at(tail)[1] <= threshold)

    def below(self, threshold: float) -> float:
        """Of the hypothesis that the truth is at least the threshold."""
        return tail_at(lambda tail: self._at(tail)[1] < threshold)

    def _at(self, tail: float) -> tuple[float, float]:
        low, high = self.ends(tail)
        return max(self.bounds[0], low), min(self.bounds[1], high)


@dataclass(frozen=True)
class Estimate(_Sure):
    """A mean over seeds with its interval, which has the error of images and that of seeds."""

    by_seed: tuple[Reading, ...]
    """What each seed gave."""


@dataclass(frozen=True)
class Difference(_Sure):
    """a minus b with its interval, which has the error of images and that of seeds."""

    only_a: int | None
    """Images on which a is right more often than b; with one seed: right where b is wrong. None where not paired."""
    only_b: int | None
    paired: bool
    """True = compared image by image; False = from two intervals alone, which is wider."""

    @property
    def difference(self) -> float:
        """The difference: its value."""
        return self.value

    @cached_property
    def p_value(self) -> float:
        """Two-sided, of the hypothesis that there is no difference: below 0.05 exactly where the interval leaves out 0.

        It knows of seeds as far as the interval does: with one seed it is about images only.
        """
        return min(1.0, 2 * min(self.above(0), self.below(0)))

    @property
    def tells(self) -> bool:
        """Whether the 95 % interval leaves out zero."""
        return not self.low <= 0 <= self.high

    @property
    def wide(self) -> bool:
        """Whether the interval is too wide to show that nothing changed: more than 2 points from end to end."""
        return self.high - self.low > _WIDE


def wilson(k: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """The score interval of a share: `k` right of `n` images; a mean over seeds may be no whole number.

    Raises:
        BlackthornError: no images, or more right than there are.
    """
    if not 0 <= k <= n or n < 1:
        raise BlackthornError(f"an interval wants 0 <= k <= n and n >= 1; got k = {k}, n = {n}")
    return OfShare(k / n, n)(tail_of(level))


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Student's t interval of the mean of independent values, such as one accuracy for each seed.

    Raises:
        BlackthornError: fewer than two values, which have no spread.
    """
    if len(values) < 2:
        raise BlackthornError(f"an interval over seeds wants at least 2 values; got {len(values)}")
    half = student_quantile(tail_of(level), len(values) - 1) * _error_of_seeds(values)
    mean = float(np.mean(np.asarray(values, dtype=np.float64)))
    return mean - half, mean + half


def over_seeds(readings: Sequence[Reading], seeds: Sequence[int] | None = None) -> Estimate:
    """The mean of what each seed gives, with its interval.

    The error of images is Wilson's interval of the mean share of one test set. Of a number that is no share it is the
    mean of the seeds' own intervals.

    Args:
        readings: one for each seed, all on the same test images.
        seeds: their numbers; by default 0, 1, ...
    Raises:
        BlackthornError: no readings.
    """
    if not readings:
        raise BlackthornError("a mean over seeds wants a reading of at least one seed")
    values, n = [reading.value for reading in readings], min(reading.n for reading in readings)
    bounds = (0.0, 1.0) if all(reading.bounded for reading in readings) else _UNBOUNDED
    mean = min(bounds[1], max(bounds[0], sum(values) / len(values)))
    images: Ends = OfShare(mean, n)
    if not all(reading.share for reading in readings):
        images = Given(mean, *(float(np.mean(ends)) for ends in zip(*((one.low, one.high) for one in readings))))
    return Estimate(
        value=mean,
        seeds=_numbered(seeds, len(readings)),
        n=n,
        ends=_both(mean, images, values),
        bounds=bounds,
        by_seed=tuple(readings),
    )


def compare(a: npt.ArrayLike, b: npt.ArrayLike, *, seeds: Sequence[int] | None = None) -> Difference:
    """Two networks on the same images, or one under two measures: accuracy of a minus that of b, image by image.

    Far sharper than comparing two intervals, since most images are right for both or wrong for both. With several
    seeds an image counts once, by its mean over them, and the spread of the seeds' differences is the error of seeds.

    Args:
        a: flags of one network, bool (images,) or (seeds, images).
        b: flags of the other, of the same shape, on the same images in the same order.
        seeds: the numbers of the seeds; by default 0, 1, ...
    Raises:
        BlackthornError: flags of different shapes, or none.
    Reference:
        Over images: Agresti & Min 2005, Simple improved confidence intervals for comparing matched proportions: Wald
        after adding 1/2 to each of the four counts. Its test is McNemar's with the variance of that interval.
    """
    right_a, right_b = (np.atleast_2d(np.asarray(flags)).astype(bool) for flags in (a, b))
    if right_a.shape != right_b.shape or right_a.ndim != 2 or right_a.size == 0:
        raise BlackthornError(
            "a paired test wants flags of the same images for both, (images,) or (seeds, images); "
            f"got {np.shape(a)} and {np.shape(b)}"
        )
    net = right_a.sum(0, dtype=np.int64) - right_b.sum(0, dtype=np.int64)
    moved, n = net / len(right_a), net.size
    total = float(moved.sum())
    centre = total / (n + 2)
    spread = (float(np.square(moved).sum()) + 1) / (n + 2) - centre**2
    images = OfNormal(centre, math.sqrt(spread / (n + 2)))
    return Difference(
        value=total / n,
        seeds=_numbered(seeds, len(right_a)),
        n=n,
        ends=_both(total / n, images, (right_a.mean(1) - right_b.mean(1)).tolist()),
        bounds=(-1.0, 1.0),
        only_a=int((net > 0).sum()),
        only_b=int((net < 0).sum()),
        paired=True,
    )


def apart(a: Estimate, b: Estimate) -> Difference:
    """a minus b where nothing is known of single images: their errors of images count as independent, which is too wide
    for the same images. Seeds that both have are compared one by one.
    """
    value: float = a.value - b.value
    ends: Ends = Minus(a.value, a.ends, b.value, b.ends)
    if a.seeds == b.seeds and len(a.seeds) > 1:
        images = Minus(a.value, _over_images(a), b.value, _over_images(b))
        ends = _both(value, images, [one.value - other.value for one, other in zip(a.by_seed, b.by_seed)])
    return Difference(
        value=value,
        seeds=a.seeds,
        n=min(a.n, b.n),
        ends=ends,
        bounds=(a.bounds[0] - b.bounds[1], a.bounds[1] - b.bounds[0]),
        only_a=None,
        only_b=None,
        paired=False,
    )


def reach(seeds: int) -> str:
    """What so many seeds can tell, in a sentence."""
    if seeds == 1:
        return (
            "One seed: intervals are over test images, and tell about these networks, not about the method; "
            "another seed may say otherwise."
        )
    times = student_quantile(TAIL, seeds - 1) / math.sqrt(seeds)
    return (
        f"{seeds} seeds: intervals have the error of images and that of seeds, and tell about the method; "
        f"a difference counts once it is {times:.2g} times as large as the standard deviation between seeds."
    )


def _both(value: float, images: Ends, by_seed: Sequence[float]) -> Ends:
    """The error of images, and that of seeds where there are several."""
    return images if len(by_seed) < 2 else OverSeeds(value, images, _error_of_seeds(by_seed), len(by_seed))


def _over_images(held: Estimate) -> Ends:
    return held.ends.images if isinstance(held.ends, OverSeeds) else held.ends


def _numbered(seeds: Sequence[int] | None, count: int) -> tuple[int, ...]:
    return tuple(range(count)) if seeds is None else tuple(seeds)


def _error_of_seeds(values: Sequence[float]) -> float:
    """Standard error of the mean over two seeds or more."""
    held = np.asarray(values, dtype=np.float64)
    return float(held.std(ddof=1)) / math.sqrt(len(held))
