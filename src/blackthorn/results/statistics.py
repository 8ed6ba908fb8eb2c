"""How sure a number is: the one place that makes intervals and tests, for pages, files and statements alike.

A number has two errors. Another test set would give another number (the error of images), and so would another seed
(the error of seeds). Several seeds look at the same test images, so that pooling them would count every image several
times. Instead the two errors, which are independent, add in quadrature:

    half width² = (half width over images of one test set)² + (half width of Student's t over the seeds)²

With one seed nothing is known about the error of seeds, and an interval is that over images.

Closed forms on plain numbers. Flags are numpy or torch arrays of bool, True = classified right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import BlackthornError


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
class Estimate:
    """A mean over seeds with its 95 % interval, which has the error of images and that of seeds."""

    value: float
    low: float
    high: float
    seeds: tuple[int, ...]
    n: int
    """Test images of one seed."""


@dataclass(frozen=True)
class Difference:
    """a minus b, with its 95 % interval, which has the error of images and that of seeds."""

    difference: float
    low: float
    high: float
    p_value: float | None
    """McNemar's test, two-sided and exact, of the hypothesis that `only_a` and `only_b` differ by chance alone; None
    where not paired. It knows of images only: with several seeds, look at the interval.
    """
    only_a: int | None
    """Images on which a is right more often than b; with one seed: right where b is wrong. None where not paired."""
    only_b: int | None
    n: int
    """Images of one seed."""
    seeds: tuple[int, ...]
    paired: bool
    """True = compared image by image; False = from two intervals alone, which is wider."""

    @property
    def value(self) -> float:
        """The difference, by the name that an estimate's number has."""
        return self.difference

    @property
    def tells(self) -> bool:
        """Whether the interval leaves out zero."""
        return not self.low <= 0 <= self.high


def wilson(k: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """The score interval of a share: `k` right of `n` images; a mean over seeds may be no whole number.

    Unlike `p +- 2 sqrt(p(1-p)/n)` it stays inside [0, 1] and says something at 0 and at n.

    Raises:
        BlackthornError: no images, or more right than there are.
    Reference:
        Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """
    if not 0 <= k <= n or n < 1:
        raise BlackthornError(f"an interval wants 0 <= k <= n and n >= 1; got k = {k}, n = {n}")
    z = _normal_quantile(level)
    share = k / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return (0.0 if k == 0 else centre - half), (1.0 if k == n else centre + half)


def mean_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Student's t interval of the mean of independent values, such as one accuracy for each seed.

    Raises:
        BlackthornError: fewer than two values, which have no spread.
    """
    if len(values) < 2:
        raise BlackthornError(f"an interval over seeds wants at least 2 values; got {len(values)}")
    mean, half = float(np.mean(np.asarray(values, dtype=np.float64))), _seed_error(values, level)
    return mean - half, mean + half


def over_seeds(readings: Sequence[Reading], seeds: Sequence[int] | None = None) -> Estimate:
    """The mean of what each seed gives, with its 95 % interval.

    With one seed the interval is that of its reading. With several the error of images is Wilson's interval of the mean
    share of one test set; of numbers that are no shares, it is the mean of the seeds' own intervals.

    Args:
        readings: one for each seed, all on the same test images.
        seeds: their numbers; by default 0, 1, ...
    Raises:
        BlackthornError: no readings.
    """
    if not readings:
        raise BlackthornError("a mean over seeds wants a reading of at least one seed")
    held, n = _numbered(seeds, len(readings)), min(reading.n for reading in readings)
    if len(readings) == 1:
        only = readings[0]
        return Estimate(only.value, only.low, only.high, held, n)
    values = [reading.value for reading in readings]
    least, most = (0.0, 1.0) if all(reading.bounded for reading in readings) else (-math.inf, math.inf)
    mean = min(most, max(least, sum(values) / len(values)))
    if all(reading.share for reading in readings):
        low, high = wilson(mean * n, n)
    else:
        low, high = (float(np.mean(ends)) for ends in zip(*((reading.low, reading.high) for reading in readings)))
    between = _seed_error(values)
    below, above = math.hypot(mean - low, between), math.hypot(high - mean, between)
    return Estimate(mean, max(least, mean - below), min(most, mean + above), held, n)


def compare(
    a: npt.ArrayLike, b: npt.ArrayLike, *, seeds: Sequence[int] | None = None, level: float = 0.95
) -> Difference:
    """Two networks on the same images, or one under two measures: accuracy of a minus that of b, and McNemar's test.

    Far sharper than comparing two intervals, since most images are right for both or wrong for both.
    With several seeds the unit of the test is still the image (each counts once, by the sign of its sum over the seeds,
    and its mean over them): the same image seen by three seeds is not three independent images. The interval has the
    error of seeds beside that of images, from the spread of the seeds' differences.

    Args:
        a: flags of one network, bool (images,) or (seeds, images).
        b: flags of the other, of the same shape, on the same images in the same order.
        seeds: the numbers of the seeds; by default 0, 1, ...
        level: coverage of the interval.
    Raises:
        BlackthornError: flags of different shapes, or none.
    Reference:
        McNemar 1947, Note on the sampling error of the difference between correlated proportions; exact as in
        Fagerland, Lydersen, Laake 2013. Interval over images: Agresti & Min 2005, Simple improved confidence intervals
        for comparing matched proportions (Wald after adding 1/2 to each of the four counts).
    """
    right_a, right_b = (np.atleast_2d(np.asarray(flags)).astype(bool) for flags in (a, b))
    if right_a.shape != right_b.shape or right_a.ndim != 2 or right_a.size == 0:
        raise BlackthornError(
            "a paired test wants flags of the same images for both, (images,) or (seeds, images); "
            f"got {np.shape(a)} and {np.shape(b)}"
        )
    net = right_a.sum(0, dtype=np.int64) - right_b.sum(0, dtype=np.int64)
    only_a, only_b, n = int((net > 0).sum()), int((net < 0).sum()), net.size
    moved = net / len(right_a)
    total = float(moved.sum())
    centre = total / (n + 2)
    spread = (float(np.square(moved).sum()) + 1) / (n + 2) - centre**2
    half = _normal_quantile(level) * math.sqrt(spread / (n + 2))
    low, high = centre - half, centre + half
    if len(right_a) > 1:
        between = _seed_error((right_a.mean(1) - right_b.mean(1)).tolist(), level)
        low, high = total / n - math.hypot(total / n - low, between), total / n + math.hypot(high - total / n, between)
    return Difference(
        difference=total / n,
        low=max(-1.0, low),
        high=min(1.0, high),
        p_value=_sign_test(only_a, only_b),
        only_a=only_a,
        only_b=only_b,
        n=n,
        seeds=_numbered(seeds, len(right_a)),
        paired=True,
    )


def apart(a: Estimate, b: Estimate) -> Difference:
    """a minus b from their two intervals alone, as if they were independent: too wide for the same images or seeds.

    Reference: Newcombe 1998, Interval estimation for the difference between independent proportions, method 10.
    """
    moved = a.value - b.value
    return Difference(
        difference=moved,
        low=moved - math.hypot(a.value - a.low, b.high - b.value),
        high=moved + math.hypot(a.high - a.value, b.value - b.low),
        p_value=None,
        only_a=None,
        only_b=None,
        n=min(a.n, b.n),
        seeds=a.seeds,
        paired=False,
    )


def _numbered(seeds: Sequence[int] | None, count: int) -> tuple[int, ...]:
    return tuple(range(count)) if seeds is None else tuple(seeds)


def _seed_error(values: Sequence[float], level: float = 0.95) -> float:
    """Half the t interval of the mean over two seeds or more."""
    from scipy.special import stdtrit

    held = np.asarray(values, dtype=np.float64)
    quantile = float(stdtrit(len(held) - 1, (1 + level) / 2))
    return quantile * float(held.std(ddof=1)) / math.sqrt(len(held))


def _sign_test(one: int, other: int) -> float:
    """Two-sided exact binomial test of equal chances, whose law is symmetric: twice the smaller tail."""
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(one, other), one + other, 0.5))) if one + other else 1.0


def _normal_quantile(level: float) -> float:
    """z such that a standard normal lies in [-z, z] with probability `level`."""
    from scipy.special import ndtri

    if not 0 < level < 1:
        raise BlackthornError(f"a level lies between 0 and 1, such as 0.95; got {level}")
    return float(ndtri((1 + level) / 2))
