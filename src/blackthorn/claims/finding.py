"""What one comparison says (yes, no or undecided, and the numbers behind it), and the words that statements share."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field

from ..results.statistics import Difference
from ..values import Number

Finding = tuple[bool | None, str]
"""Yes, no or undecided, and the numbers behind it."""


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


def no_less(test: Difference, points: float) -> Finding:
    """Whether no more than `points` are lost."""
    return told(100 * test.low >= -points, 100 * test.difference < -points), _interval(test)


def more(test: Difference, points: float) -> Finding:
    """Whether more than `points` are gained."""
    return told(100 * test.low > points, 100 * test.difference <= points), _interval(test)


def significant(test: Difference, sign: int) -> Finding:
    """Whether the difference has the claimed sign, 1 or -1, and is significant.

    With one seed, by the exact test at the 5 % level. With several, when the 95 % interval leaves out zero: the test
    knows of images only, and the interval of the spread between seeds too.
    """
    as_said = test.difference * sign > 0
    if len(test.seeds) > 1 or test.p_value is None:
        return told(as_said and test.tells, not as_said), _interval(test)
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


def _interval(test: Difference) -> str:
    return f"{100 * test.difference:+.2f} points [{100 * test.low:+.2f}, {100 * test.high:+.2f}]"
