"""Statements about cost: whether time follows what is left to multiply."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from ..values import Count, Number, value
from .answers import Answers, Place
from .findings import Finding, Names, Rates, Sentence, places
from .lines import relative_times, straight_line


@value
class Proportional:
    """The time that `rows` take is a straight line in the multiplications that they have left.

    Of each row its smallest form counts (shrunk, else masked, else dense), and its time relative to that of the dense
    network, which was timed in turns with it.
    """

    measure: ClassVar[str] = "cost"
    kind: Literal["proportional"] = "proportional"
    text: Sentence
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
        """Everything it speaks of."""
        return places(self.rows, (self.metric,))

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the line by least squares rises and explains enough; undecided without times at that batch size."""
        points = [point for place in self.places(rates) for point in relative_times(answers.costs[place], self.batch)]
        if not points:
            return [(None, f"no times at batch {self.batch}")]
        line = straight_line(points)
        said = (
            f"{line.fixed:.3g} + {1e6 * line.slope:.3g} a million multiplications, of the dense network's time "
            f"at batch {self.batch}; R² {line.r2:.3f}"
        )
        return [(line.slope > 0 and line.r2 >= self.r2, said)]
