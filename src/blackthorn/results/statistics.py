"""How sure a number is: intervals for accuracies and means over seeds, paired tests between two networks.

Closed forms on plain numbers; flags are numpy or torch arrays of bool, True = classified right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import BlackthornError


def wilson(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The score interval of a share: `k` right of `n` images.

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
    from scipy.special import stdtrit

    held = np.asarray(values, dtype=np.float64)
    quantile = float(stdtrit(len(held) - 1, (1 + level) / 2))
    half = quantile * float(held.std(ddof=1)) / math.sqrt(len(held))
    return float(held.mean()) - half, float(held.mean()) + half


@dataclass(frozen=True)
class Paired:
    """Two networks on the same images."""

    only_a: int
    """Images on which a is right more often than b; with one seed: right where b is wrong."""
    only_b: int
    difference: float
    """Accuracy of a minus accuracy of b."""
    low: float
    high: float
    p_value: float
    """Two-sided and exact, of the hypothesis that `only_a` and `only_b` differ by chance alone."""
    n: int
    """Images, however many seeds."""


def paired(a: npt.ArrayLike, b: npt.ArrayLike, level: float = 0.95) -> Paired:
    """McNemar's exact test of two networks on the same images, with an interval of the difference.

    Far sharper than comparing two intervals, since most images are right for both or wrong for both.
    With several seeds the unit is still the image (each counts once, by the sign of its sum over the seeds,
    and its mean over them): the same image seen by three seeds is not three independent images.

    Args:
        a: flags of one network, bool (images,) or (seeds, images).
        b: flags of the other, of the same shape, on the same images in the same order.
        level: coverage of the interval.
    Raises:
        BlackthornError: flags of different shapes, or none.
    Reference:
        McNemar 1947, Note on the sampling error of the difference between correlated proportions; exact as in
        Fagerland, Lydersen, Laake 2013. Interval: Agresti & Min 2005, Simple improved confidence intervals
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
    return Paired(
        only_a=only_a,
        only_b=only_b,
        difference=total / n,
        low=max(-1.0, centre - half),
        high=min(1.0, centre + half),
        p_value=_sign_test(only_a, only_b),
        n=n,
    )


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
