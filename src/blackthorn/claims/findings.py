"""What every kind of statement is written and decided with: words of a recipe, and findings from paired tests."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field

from ..measuring import Paired
from ..values import Number
from .answers import Place

Rates = Mapping[str, float]
"""Row -> requested sparsity, a fraction; 0 = not pruned."""

Finding = tuple[bool | None, str]
"""What one comparison says: yes, no or undecided, and the numbers behind it."""


def _percent(read: object) -> object:
    return read.strip().removesuffix("%") if isinstance(read, str) else read


Percent = Annotated[Number, BeforeValidator(_percent), Field(ge=0, le=100)]
"""A number in percent: 99.1, which may also be written 99.1%."""
Sentence = Annotated[str, Field(description="The sentence, as the report prints it.")]
Names = Annotated[tuple[str, ...], Field(min_length=1)]

_LEVEL = 0.05  # two-sided; a difference with a larger p-value is not called a difference


def told(agrees: bool, contradicts: bool) -> bool | None:
    """Yes, no, or undecided."""
    return True if agrees else (False if contradicts else None)


def no_less(test: Paired, points: float) -> Finding:
    """Whether no more than `points` are lost."""
    change, low, high = 100 * test.difference, 100 * test.low, 100 * test.high
    return told(low >= -points, change < -points), f"{change:+.2f} points [{low:+.2f}, {high:+.2f}]"


def more(test: Paired, points: float) -> Finding:
    """Whether more than `points` are gained."""
    change, low, high = 100 * test.difference, 100 * test.low, 100 * test.high
    return told(low > points, change <= points), f"{change:+.2f} points [{low:+.2f}, {high:+.2f}]"


def beyond_chance(test: Paired, as_said: bool) -> Finding:
    """Whether a difference is as said, and no chance."""
    chance = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.3f}"
    said = f"{100 * test.difference:+.2f} points ({chance})"
    return told(as_said and test.p_value < _LEVEL, not as_said), said


def enough(found: Sequence[Finding], fewest: int | None) -> list[Finding]:
    """Several findings as one, whether at least so many of them hold; or as they are, where all must."""
    if fewest is None:
        return list(found)
    outcomes = [holds for holds, _ in found]
    yes, possible = outcomes.count(True), len(outcomes) - outcomes.count(False)
    said = f"{yes} of {len(outcomes)}, at least {fewest} wanted: {'; '.join(evidence for _, evidence in found)}"
    return [(told(yes >= fewest, possible < fewest), said)]


def places(rows: Iterable[str], metrics: Sequence[str]) -> list[Place]:
    """Each row under each metric."""
    return [(row, metric) for row in rows for metric in metrics]


def refuse_itself(rows: Sequence[str], than: str) -> None:
    """Raises ValueError where a network would be compared with itself."""
    if than in rows:
        raise ValueError(f"'{than}' is compared with itself; leave it out of rows")


def refuse_same(metric: str, others: Sequence[str]) -> None:
    """Raises ValueError where a measure would be compared with itself."""
    if metric in others:
        raise ValueError(f"'{metric}' is compared with itself; write another measure in than_metric")
