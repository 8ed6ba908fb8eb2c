"""Statements about sweeps: how far networks can be pruned before something gives way."""

from typing import Annotated, Literal

from pydantic import Field

from ..results import Place
from ..values import value
from .evidence import Evidence
from .finding import Finding, Names, Percent
from .statement import Rates, Statement, places, refuse_same
from .sweeps import Pattern, Sweep, goes_further, limit, swept


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
        """Yes when `than_metric` lasts to a larger rate than the metric does; no when it gives way at the same rate or
        sooner; both as `goes_further` tells. Undecided in between, and when nothing gives way within the sweep.
        """
        found = []
        for metric in self.metrics:
            lasting, leaving = (
                _sweep(evidence, self.rows, self.than, measure) for measure in (self.than_metric, metric)
            )
            first, last = limit(leaving, self.points), limit(lasting, self.points)
            said = f"within {self.points:g} points up to {first} under {metric}, up to {last} under {self.than_metric}"
            found.append(goes_further(lasting, leaving, self.points, f"{self.rows}: {said}"))
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
        """Yes when the first sweep lasts to a larger rate than the other does; no when it gives way at the same rate or
        sooner; both as `goes_further` tells. Undecided in between, and when the sweep that should give way first does
        not do so at its largest rate.
        """
        found = []
        for metric in self.metrics:
            one, other = (_sweep(evidence, rows, self.than, metric) for rows in (self.rows, self.against))
            first, second = limit(one, self.points), limit(other, self.points)
            said = f"within {self.points:g} points up to {first} for {self.rows}, up to {second} for {self.against}"
            found.append(goes_further(one, other, self.points, f"{metric}: {said}"))
        return found


def _sweep(evidence: Evidence, pattern: str, than: str, metric: str) -> Sweep:
    """What a sweep loses. One measure has the same images for every network."""
    changes = []
    for row in swept(pattern, than, evidence.rates):
        change = evidence.compare((row, metric), (than, metric))
        assert change is not None
        changes.append((evidence.rates[row], change))
    return changes
