"""Statements about sweeps: how far networks can be pruned before something gives way."""

from typing import Annotated, Literal

from pydantic import Field

from ..results import Place
from ..values import value
from .evidence import Evidence
from .finding import Finding, Names, Percent
from .statement import Rates, Statement, places, refuse_same
from .sweeps import Limit, Pattern, goes_further, limit, swept


@value
class Sooner(Statement):
    """As more is pruned, each of `metrics` leaves `points` of percentage around `than` sooner than `than_metric`.

    Robustness gives way before natural accuracy: the largest rate of the sweep at which it is still within `points`
    of the unpruned network is smaller.
    """

    kind: Literal["sooner"] = "sooner"
    rows: Pattern
    than: str
    metrics: Names
    than_metric: str
    points: Percent

    def __post_init__(self) -> None:
        refuse_same(self.than_metric, self.metrics)

    def places(self, rates: Rates) -> list[Place]:
        """The sweep, and the network that it is pruned from, under each measure."""
        return places((self.than, *swept(self.rows, self.than, rates)), (*self.metrics, self.than_metric))

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when `than_metric` surely lasts to a larger rate than the metric possibly does, by the 95 % intervals.

        No when, as measured, it gives way at the same rate or sooner. Undecided in between, and when nothing gives way
        within the sweep.
        """
        found = []
        for metric in self.metrics:
            lasting = _limit(evidence, self.rows, self.than, self.than_metric, self.points)
            leaving = _limit(evidence, self.rows, self.than, metric, self.points)
            said = f"within {self.points:g} points up to {leaving} under {metric}, up to {lasting} under "
            found.append((goes_further(lasting, leaving), f"{self.rows}: {said}{self.than_metric}"))
        return found


@value
class Further(Statement):
    """The sweep `from` can be pruned further than the sweep `against` before `metrics` lose `points` against `than`."""

    kind: Literal["further"] = "further"
    rows: Pattern
    against: Annotated[str, Field(min_length=1, description="The rows of the other sweep: fgsm filter *.")]
    than: str
    metrics: Names
    points: Percent

    def __post_init__(self) -> None:
        if self.rows == self.against:
            raise ValueError(f"'{self.rows}' is compared with itself; write another sweep in against")

    def places(self, rates: Rates) -> list[Place]:
        """Both sweeps, and the network that they are pruned from, under each measure."""
        sweeps = [row for pattern in (self.rows, self.against) for row in swept(pattern, self.than, rates)]
        return places((self.than, *sweeps), self.metrics)

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the first sweep surely lasts to a larger rate than the other possibly does, by the 95 % intervals.

        No when, as measured, it gives way at the same rate or sooner. Undecided in between, and when the sweep that
        should give way first does not do so at its largest rate.
        """
        found = []
        for metric in self.metrics:
            one, other = (
                _limit(evidence, pattern, self.than, metric, self.points) for pattern in (self.rows, self.against)
            )
            said = f"within {self.points:g} points up to {one} for {self.rows}, up to {other} for {self.against}"
            found.append((goes_further(one, other), f"{metric}: {said}"))
        return found


def _limit(evidence: Evidence, pattern: str, than: str, metric: str, points: float) -> Limit:
    """How far a sweep goes. One measure has the same images for every network."""
    changes = []
    for row in swept(pattern, than, evidence.rates):
        change = evidence.compare((row, metric), (than, metric))
        assert change is not None
        changes.append((evidence.rates[row], change))
    return limit(changes, points)
