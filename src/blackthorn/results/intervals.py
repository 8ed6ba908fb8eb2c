"""The ends of an interval at any level: what each source of error gives, and how independent sources go together.

Each value here is called with a tail, the chance that a one-sided end leaves out: 0.025 gives the ends of a 95 %
interval. `tail_at` turns that round: a p-value is the tail at which an interval just touches a number. So a test and
an interval cannot contradict each other.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

from ..errors import BlackthornError

TAIL = 0.025
"""What each end of a 95 % interval leaves out, and so the level of a one-sided test."""

_NORMAL = NormalDist()  # of Python itself (Wichura 1988, AS 241): scipy takes most of a second to load
_TINY = 1e-300  # the smallest p-value; smaller ones are no numbers any more


class Ends(Protocol):
    """Low and high end, which leave out `tail` each."""

    def __call__(self, tail: float, /) -> tuple[float, float]:
        """The ends; both move outwards as the tail shrinks."""


@dataclass(frozen=True)
class OfShare:
    """The score interval of a share of independent images, which stays in [0, 1] and says something at 0 and at n.

    Reference: Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """

    share: float
    n: int

    def __call__(self, tail: float) -> tuple[float, float]:
        """Both in [0, 1]."""
        z, share, n = normal_quantile(tail), self.share, self.n
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        return (0.0 if share <= 0 else centre - half), (1.0 if share >= 1 else centre + half)


@dataclass(frozen=True)
class OfNormal:
    """A number with a standard error that is known as well as that of many images is."""

    centre: float
    error: float

    def __call__(self, tail: float) -> tuple[float, float]:
        """The same on either side."""
        half = normal_quantile(tail) * self.error
        return self.centre - half, self.centre + half


@dataclass(frozen=True)
class Given:
    """A number that came with its 95 % interval, such as an area under a curve; other levels as if it were normal."""

    value: float
    low: float
    high: float

    def __call__(self, tail: float) -> tuple[float, float]:
        """Both sides scaled alike."""
        scale = normal_quantile(tail) / normal_quantile(TAIL)
        return self.value - scale * (self.value - self.low), self.value + scale * (self.high - self.value)


@dataclass(frozen=True)
class OverSeeds:
    """Two independent errors of a mean over seeds: that of images, and that of seeds, which Student's t knows.

    Their half widths add in quadrature, on each side.

    Reference: Howe 1974, Approximate confidence limits on the mean of X + Y where X and Y are two tabled independent
    random variables; for unequal sides Zou & Donner 2008, Construction of confidence intervals about effect measures.
    """

    value: float
    images: Ends
    error: float
    """Standard error of the mean over the seeds."""
    seeds: int
    """Two or more."""

    def __call__(self, tail: float) -> tuple[float, float]:
        """At least as far out as either error alone."""
        low, high = self.images(tail)
        between = student_quantile(tail, self.seeds - 1) * self.error
        return self.value - math.hypot(self.value - low, between), self.value + math.hypot(high - self.value, between)


@dataclass(frozen=True)
class Minus:
    """a minus b, as if the errors of the two were independent.

    Reference: Newcombe 1998, Interval estimation for the difference between independent proportions, method 10.
    """

    a: float
    of_a: Ends
    b: float
    of_b: Ends

    def __call__(self, tail: float) -> tuple[float, float]:
        """From the ends of both."""
        (low_a, high_a), (low_b, high_b) = self.of_a(tail), self.of_b(tail)
        moved = self.a - self.b
        return (
            moved - math.hypot(self.a - low_a, high_b - self.b),
            moved + math.hypot(high_a - self.a, self.b - low_b),
        )


@dataclass(frozen=True)
class Open:
    """An interval with an end that is not known: that of an upper bound reaches down to whatever there can be."""

    ends: Ends
    below: bool = False
    above: bool = False

    def __call__(self, tail: float) -> tuple[float, float]:
        """Minus or plus infinity where an end is not known."""
        low, high = self.ends(tail)
        return (-math.inf if self.below else low), (math.inf if self.above else high)


def tail_at(outside: Callable[[float], bool]) -> float:
    """The smallest tail at which an end leaves a number outside: the one-sided p-value of that number.

    Found by halving, and rounded up: at the tail that is returned the number lies outside, and it is at most `TAIL`
    exactly where the number lies outside the 95 % interval. 0.5 where it never lies outside.
    """
    inside, found = (_TINY, TAIL) if outside(TAIL) else (TAIL, 0.5)
    if not outside(found):
        return 0.5
    if outside(inside):
        return inside
    for _ in range(60):
        middle = math.sqrt(inside) * math.sqrt(found)
        inside, found = (inside, middle) if outside(middle) else (middle, found)
    return found


def tail_of(level: float) -> float:
    """What each end of a two-sided interval leaves out: 0.025 for 0.95.

    Raises:
        BlackthornError: a level that is no fraction.
    """
    if not 0 < level < 1:
        raise BlackthornError(f"a level lies between 0 and 1, such as 0.95; got {level}")
    return (1 - level) / 2


def normal_quantile(tail: float) -> float:
    """z such that a standard normal is larger with this probability."""
    return -_NORMAL.inv_cdf(tail)


def student_quantile(tail: float, degrees: int) -> float:
    """The same of Student's t."""
    from scipy.special import stdtrit

    return -float(stdtrit(degrees, tail))
