"""Rows that differ in how much was pruned: which they are, and how far pruning goes before an accuracy gives way."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from pydantic import AliasChoices, Field

from ..errors import did_you_mean
from ..results import Difference
from .finding import Finding

Pattern = Annotated[
    str,
    Field(
        min_length=1,
        validation_alias=AliasChoices("from", "rows"),
        serialization_alias="from",
        description="The rows of a sweep; * stands for any characters: fgsm weight *.",
    ),
]
"""A sweep, written `from: fgsm weight *` in a recipe (and `rows=` in Python, where `from` is taken)."""

ROUNDING = 1e-9
"""What floats may lose, in points: a loss of exactly the tolerance is within it."""


def swept(pattern: str, than: str, rates: Mapping[str, float]) -> list[str]:
    """The rows that fit a pattern, from the smallest rate to the largest, without `than`.

    Args:
        pattern: a name in which * stands for any characters.
        than: the unpruned network, which is no part of the sweep even if its name fits.
        rates: the requested sparsity of every row, 0 where nothing was pruned.
    Raises:
        ValueError: no row fits, one that was not pruned does, or two at the same rate.
    """
    fits = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL).fullmatch
    found = sorted((row for row in rates if row != than and fits(row)), key=lambda row: rates[row])
    if not found:
        raise ValueError(f"no row fits '{pattern}' (* stands for any characters); {did_you_mean(pattern, rates)}")
    if not rates[found[0]]:
        raise ValueError(f"'{pattern}' fits '{found[0]}', which is not pruned; write a narrower one")
    for one, other in pairwise(found):
        if rates[one] == rates[other]:
            raise ValueError(
                f"'{pattern}' fits both '{one}' and '{other}', pruned by {in_percent(rates[one])}; write a narrower one"
            )
    return found


Sweep = Sequence[tuple[float, Difference]]
"""For each rate, in order, the difference from the unpruned network."""


@dataclass(frozen=True)
class Limit:
    """The largest rate of a sweep at which an accuracy is still within a tolerance; 0 = none of them is."""

    sure: float
    """Even at the low end of the 95 % interval."""
    seen: float
    """As measured."""
    possible: float
    """At the high end of the interval."""
    tried: float
    """The largest rate there is."""

    def __str__(self) -> str:
        more = " or more" if self.possible == self.tried else ""
        if self.sure == self.possible:
            return f"{in_percent(self.seen)}{more}"
        return f"{in_percent(self.seen)} [{100 * self.sure:.4g}, {100 * self.possible:.4g}{more}]"


def limit(sweep: Sweep, points: float) -> Limit:
    """How far a sweep goes, and the points that it may lose."""
    least = -points - ROUNDING

    def largest(passing: Sequence[bool]) -> float:
        return max((rate for (rate, _), passes in zip(sweep, passing) if passes), default=0.0)

    return Limit(
        sure=largest([100 * change.low >= least for _, change in sweep]),
        seen=largest([100 * change.value >= least for _, change in sweep]),
        possible=largest([100 * change.high >= least for _, change in sweep]),
        tried=max(rate for rate, _ in sweep),
    )


def goes_further(one: Sweep, other: Sweep, points: float, text: str) -> Finding:
    """Whether `one` stays within so many points up to a larger rate than `other`.

    Yes when there is a rate at which `one` is within them and from which on `other` is not, at its largest rate at
    least. No when there is a rate at which `other` is within them (or none, for 0) and beyond which `one` is not, at
    its largest rate at least. Each rate that could be that one counts as a try: the p-values are multiplied by their
    number. Undecided where the sweep that should give way first does not do so at its largest rate.
    """
    least = -points / 100
    rates = [(0.0, 0.0), *((rate, change.at_least(least)) for rate, change in other)]
    yes = [max(change.at_least(least), _outside(other, rate, least)) for rate, change in one]
    no = [max(within, _outside(one, math.nextafter(rate, 1), least)) for rate, within in rates]
    return Finding(min(1.0, len(yes) * min(yes)), min(1.0, len(no) * min(no)), text)


def _outside(sweep: Sweep, first: float, least: float) -> float:
    """P-value of the hypothesis that somewhere from this rate on, or at the largest one, no more than that is lost."""
    largest = max(rate for rate, _ in sweep)
    return max(change.below(least) for rate, change in sweep if rate >= min(first, largest))


def in_percent(rate: float) -> str:
    """0.975 -> "97.5 %"."""
    return f"{100 * rate:.4g} %"
