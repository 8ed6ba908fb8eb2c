"""What every kind of statement is: a sentence, the places that it speaks of, and how the numbers there decide it.

A statement holds when the whole 95 % interval agrees, and fails when the whole interval contradicts. In between it is
undecided. Where it speaks of several comparisons, they are corrected for their number (see `finding.together`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from ..results import AccuracyRecord, Place, Record
from ..values import value
from .evidence import Evidence
from .finding import Finding, Names, Sentence

Rates = Mapping[str, float]
"""Row -> the fraction that was to be removed; 0 = not pruned."""


@value
class Statement(ABC):
    """A sentence that numbers decide."""

    record: ClassVar[type[Record]] = AccuracyRecord
    """The kind of records that it is decided from; it may name measures that give these, and no others."""
    of_attacks: ClassVar[bool] = False
    """Whether it speaks of what attacks find, which alarms leave as it is, and not of what networks withstand."""
    kind: str
    text: Sentence

    @abstractmethod
    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of.

        Raises:
            ValueError: it speaks of rows that there are none of, by a pattern.
        """

    @abstractmethod
    def decide(self, evidence: Evidence) -> list[Finding]:
        """What each of its comparisons says, once all its places are measured; it holds when all of them say yes."""


@value
class About(Statement):
    """A statement about each of `rows` under each of `metrics`."""

    rows: Names
    metrics: Names
    """Names of measures, of the kind that the statement is about."""

    def places(self, rates: Rates) -> list[Place]:
        """Each row under each metric."""
        return places(self.rows, self.metrics)


@value
class Against(Statement):
    """A statement about each of `rows` against the row `than`, under each of `metrics`."""

    rows: Names
    than: str
    metrics: Names
    """Names of measures, of the kind that the statement is about."""

    def __post_init__(self) -> None:
        if self.than in self.rows:
            raise ValueError(f"'{self.than}' is compared with itself; leave it out of rows")

    def places(self, rates: Rates) -> list[Place]:
        """Each row, and the one that it is compared with, under each metric."""
        return places((*self.rows, self.than), self.metrics)

    @property
    def pairs(self) -> list[tuple[Place, Place]]:
        """Everything that is compared, and with what."""
        return [((row, metric), (self.than, metric)) for row, metric in places(self.rows, self.metrics)]


def places(rows: Iterable[str], metrics: Sequence[str]) -> list[Place]:
    """Each row under each metric."""
    return [(row, metric) for row in rows for metric in metrics]


def refuse_same(metric: str, others: Sequence[str]) -> None:
    """Raises ValueError where a measure would be compared with itself."""
    if metric in others:
        raise ValueError(f"'{metric}' is compared with itself; write another measure in than_metric")


def refuse_too_many(fewest: int | None, comparisons: int) -> None:
    """Raises ValueError where more comparisons must hold than there are."""
    if fewest is not None and fewest > comparisons:
        raise ValueError(f"fewest: there are {comparisons} comparisons, got {fewest}")
