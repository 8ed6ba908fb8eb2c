"""What one comparison says (how surely yes, how surely no, and the numbers behind it), and the words that statements
share.

Yes and no both need evidence: each has a one-sided p-value, and is said where that is at most 2.5 %. It comes from the
interval that is printed, so that a verdict and an interval cannot contradict each other. What neither reaches is
undecided; a sign alone says nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field

from ..results import Difference, Estimate
from ..results.intervals import TAIL
from ..values import Number


@dataclass(frozen=True)
class Finding:
    """How surely a claim holds, how surely it does not, and the numbers behind it."""

    yes: float
    """One-sided p-value of the hypothesis that the claim is wrong: small = it holds."""
    no: float
    """The same of the hypothesis that it is right: small = it does not hold."""
    text: str

    @property
    def holds(self) -> bool | None:
        """Yes, no, or None = undecided."""
        return True if self.yes <= TAIL else (False if self.no <= TAIL else None)

    @staticmethod
    def of(holds: bool | None, text: str) -> "Finding":
        """What needs no test: it is so, it is not, or there is nothing to decide it from."""
        return Finding(0.0 if holds is True else 1.0, 0.0 if holds is False else 1.0, text)


def _percent(read: object) -> object:
    return read.strip().removesuffix("%") if isinstance(read, str) else read


Percent = Annotated[Number, BeforeValidator(_percent), Field(ge=0, le=100)]
"""A number in percent: 99.1, which may also be written 99.1%."""
Sentence = Annotated[str, Field(description="The sentence, as the report prints it.")]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


def no_less(test: Difference, points: float) -> Finding:
    """Whether no more than `points` are lost."""
    return Finding(test.at_least(-points / 100), test.below(-points / 100), gained(test))


def more(test: Difference, points: float) -> Finding:
    """Whether more than `points` are gained."""
    return Finding(test.above(points / 100), test.at_most(points / 100), gained(test))


def significant(test: Difference, sign: int) -> Finding:
    """Whether the difference has the claimed sign, 1 or -1."""
    chance = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.3f}"
    said = f"{gained(test)}, {chance}"
    if sign > 0:
        return Finding(test.above(0), test.at_most(0), said)
    return Finding(test.below(0), test.at_least(0), said)


def at_most(held: Estimate, threshold: float, text: str) -> Finding:
    """Whether a number is at most so much, a fraction."""
    return Finding(held.at_most(threshold), held.above(threshold), text)


def at_least(held: Estimate, threshold: float, text: str) -> Finding:
    """Whether a number is at least so much, a fraction."""
    return Finding(held.at_least(threshold), held.below(threshold), text)


def together(found: Sequence[Finding], fewest: int | None = None) -> Finding:
    """Several findings as one: whether at least so many of them hold, by default all.

    That k of m hold is said where m - k + 1 times the k-th smallest p-value is at most 2.5 %, and that they do not,
    where k times the (m - k + 1)-th smallest of the others is. So "all hold" wants each at its own level and needs no
    correction, and "one of m fails" is the first step of Holm's.

    Reference: Benjamini & Heller 2008, Screening for partial conjunction hypotheses, sec. 2 (with Bonferroni's
    inequality); Berger 1982 for all of them; Holm 1979 for one.
    """
    wanted = len(found) if fewest is None else fewest
    spare = len(found) - wanted
    yes = min(1.0, (spare + 1) * sorted(one.yes for one in found)[wanted - 1])
    no = min(1.0, wanted * sorted(one.no for one in found)[spare])
    said = "; ".join(one.text for one in found)
    if fewest is not None:
        said = f"{[one.holds for one in found].count(True)} of {len(found)}, at least {fewest} wanted: {said}"
    return Finding(yes, no, said)


def gained(test: Difference, level: float = 0.95) -> str:
    """A difference in words, with its interval."""
    low, high = test.interval(level)
    return f"{100 * test.value:+.2f} points [{100 * low:+.2f}, {100 * high:+.2f}]"
