"""Statements about cost: how much cheaper a network is, and whether time follows what is left to multiply."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from ..results import CostRecord, Place, Record
from ..values import Count, Number, Positive, value
from .evidence import Evidence
from .finding import Finding, Names
from .statement import Rates, Statement, places

_SMALLEST_FIRST = ("shrunk", "masked", "dense")

Point = tuple[float, float]
"""Multiply-accumulates of one image, and time as a multiple of the dense network's."""


@value
class Proportional(Statement):
    """The time that `rows` take is a straight line in the multiplications that they have left.

    Of each row its smallest form counts (shrunk, else masked, else dense), and its time relative to that of the dense
    network, which was timed in turns with it.
    """

    record: ClassVar[type[Record]] = CostRecord
    kind: Literal["proportional"] = "proportional"
    rows: Names
    metric: str = "cost"
    """The measure of cost."""
    batch: Count
    """The batch size at which it was timed."""
    r2: Annotated[Number, Field(gt=0, le=1)] = 0.95
    """The share of the differences in time that the line has to explain."""

    def __post_init__(self) -> None:
        if len(self.rows) < 3:
            raise ValueError(f"rows: a line through {len(self.rows)} explains nothing; name three or more")

    def places(self, rates: Rates) -> list[Place]:
        """Each row under the measure of cost."""
        return places(self.rows, (self.metric,))

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the line by least squares rises and explains enough, else no.

        Undecided without times at that batch size.
        """
        measured = [evidence.records(CostRecord, (row, self.metric)) for row in self.rows]
        points = [point for by_seed in measured for records in by_seed for point in relative_time(records, self.batch)]
        if not points:
            return [Finding.of(None, f"no times at batch {self.batch}")]
        line = straight_line(points)
        said = (
            f"of the dense network's time at batch {self.batch}: {line.fixed:.3g} + {1e6 * line.slope:.3g} a million "
            f"multiplications; R² {line.r2:.3f}"
        )
        return [Finding.of(line.slope > 0 and line.r2 >= self.r2, said)]


@value
class Cheaper(Statement):
    """The smallest form of each of `rows` costs at most 1 / `times` of what its dense form costs.

    Of latency it is a statement about medians, which were timed in turns with the dense network.
    """

    record: ClassVar[type[Record]] = CostRecord
    kind: Literal["cheaper"] = "cheaper"
    rows: Names
    metric: str = "cost"
    """The measure of cost."""
    of: Literal["parameters", "nonzero", "macs", "bytes", "latency"]
    """Which cost."""
    batch: Count | None = None
    """The batch size of a latency."""
    times: Positive
    """How many times less."""

    def __post_init__(self) -> None:
        if (self.of == "latency") != (self.batch is not None):
            raise ValueError("batch: a latency is that of a batch size, and nothing else is; write batch: 128")

    def places(self, rates: Rates) -> list[Place]:
        """Each row under the measure of cost."""
        return places(self.rows, (self.metric,))

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when it holds for every seed, no when it does for none; undecided without two forms."""
        found: list[Finding] = []
        for row in self.rows:
            ratios = []
            for records in evidence.records(CostRecord, (row, self.metric)):
                costs = _by_form(records, self.of, self.batch)
                form = next((form for form in _SMALLEST_FIRST if form in costs), None)
                if form is not None and form != "dense" and costs[form] and "dense" in costs:
                    ratios.append(costs["dense"] / costs[form])
            if not ratios:
                found.append(Finding.of(None, f"{row}: no smaller form with this cost"))
                continue
            reached = [ratio >= self.times for ratio in ratios]
            said = f"{row}: {self.of} {sum(ratios) / len(ratios):.3g} times less than dense"
            said += f" [{min(ratios):.3g}, {max(ratios):.3g}]"
            found.append(Finding.of(all(reached) if all(reached) == any(reached) else None, said))
        return found


@dataclass(frozen=True)
class Line:
    """y = fixed + slope * x by least squares."""

    fixed: float
    slope: float
    r2: float
    """The share of the variance of y that it explains; 0 where x or y is the same for all."""


def straight_line(points: Sequence[Point]) -> Line:
    """Through all the points."""
    x, y = np.array(points, dtype=float).T
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return Line(float(y.mean()), 0.0, 0.0)
    slope, fixed = np.polyfit(x, y, 1)
    left = ((y - fixed - slope * x) ** 2).sum() / ((y - y.mean()) ** 2).sum()
    return Line(float(fixed), float(slope), 1 - float(left))


def relative_time(records: Sequence[CostRecord], batch: int) -> list[Point]:
    """The point of one network and seed, that of its smallest form; none where times are missing."""
    macs, times = _by_form(records, "macs", None), _by_form(records, "latency", batch)
    form = next((form for form in _SMALLEST_FIRST if form in macs and form in times), None)
    return [(macs[form], times[form] / times["dense"])] if form is not None and "dense" in times else []


def _by_form(records: Sequence[CostRecord], metric: str, batch: int | None) -> dict[str, float]:
    return {record.form: record.value for record in records if (record.metric, record.batch) == (metric, batch)}
