"""Statements about sweeps, rate by rate: whether one way to prune is better than others that remove as much."""

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from ..results import Place
from ..values import Count, value
from .evidence import Evidence
from .finding import Finding, Names, significant, together
from .statement import Rates, Statement, places, refuse_too_many
from .sweeps import ROUNDING, Pattern, in_percent, swept


@value
class Ahead(Statement):
    """At every rate the sweep `from` is higher than each of the sweeps `against`, under every one of `metrics`.

    Rates that only one of two sweeps has are left out. Comparisons are paired, on the same test images.
    """

    kind: Literal["ahead"] = "ahead"
    rows: Pattern
    against: Annotated[Names, Field(description="The rows of the other sweeps: [fpgm l2 *, random *].")]
    metrics: Names
    fewest: Count | None = None
    """In how many of all comparisons at least; by default in all."""

    def __post_init__(self) -> None:
        if self.rows in self.against:
            raise ValueError(f"'{self.rows}' is compared with itself; leave it out of against")

    def places(self, rates: Rates) -> list[Place]:
        """Both rows of every pair, under each measure."""
        pairs = self._pairs(rates)
        refuse_too_many(self.fewest, len(pairs) * len(self.metrics))
        return places(dict.fromkeys(row for pair in pairs for row in pair), self.metrics)

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the 95 % interval of every difference is above zero; no when the whole of one is not."""
        found = []
        for metric in self.metrics:
            for row, other in self._pairs(evidence.rates):
                test = evidence.compare((row, metric), (other, metric))
                said = Finding.of(None, "no image in common") if test is None else significant(test, 1)
                found.append(replace(said, text=f"{row} over {other}, {metric}: {said.text}"))
        return [together(found, self.fewest)]

    def _pairs(self, rates: Rates) -> list[tuple[str, str]]:
        """Rows at the same rate: one of `from`, one of `against`."""
        ours = swept(self.rows, "", rates)
        found = []
        for pattern in self.against:
            theirs = swept(pattern, "", rates)
            pairs = [(row, other) for row in ours for other in theirs if abs(rates[row] - rates[other]) < ROUNDING]
            if not pairs:
                tried = ", ".join(in_percent(rates[row]) for row in ours)
                raise ValueError(f"no row of '{pattern}' is pruned by as much as one of '{self.rows}': {tried}")
            found += pairs
        return found
