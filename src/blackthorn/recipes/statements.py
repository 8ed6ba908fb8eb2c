"""Sentences of a paper as claims that numbers decide: yes, no, or not to be told from this many images.

Comparisons are paired: both networks are judged on the same test images, so that what they share cancels out.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from ..measuring import paired, wilson
from ..values import Number, value
from .cells import Cell, Verdict

Flags = Mapping[tuple[str, str], NDArray[np.bool_]]
"""(row, metric) -> right or wrong, bool (seeds, images)."""

Finding = tuple[bool | None, str]
"""What one comparison says: yes, no or undecided, and the numbers behind it."""


def _percent(read: object) -> object:
    return read.strip().removesuffix("%") if isinstance(read, str) else read


Percent = Annotated[Number, BeforeValidator(_percent), Field(ge=0, le=100)]
"""A number in percent: 99.1, which may also be written 99.1%."""

_LEVEL = 0.05  # two-sided; a difference with a larger p-value is not called a difference


@value
class Keeps:
    """`rows` lose no more than `points` of percentage against `than`."""

    kind: Literal["keeps"] = "keeps"
    text: str
    """The sentence, as the report prints it."""
    rows: tuple[str, ...] = Field(min_length=1)
    than: str
    metrics: tuple[str, ...] = Field(min_length=1)
    points: Percent

    def __post_init__(self) -> None:
        _refuse_itself(self.rows, self.than)

    def rows_named(self) -> list[str]:
        """Every row it speaks of."""
        return [*self.rows, self.than]

    def decide(self, flags: Flags, row: str, metric: str) -> Finding:
        """Yes when the 95 % interval of the difference stays above -points; no when the difference itself does not."""
        test = paired(flags[row, metric], flags[self.than, metric])
        change, low, high = 100 * test.difference, 100 * test.low, 100 * test.high
        holds = True if low >= -self.points else (False if change < -self.points else None)
        return holds, f"{row}, {metric}: {change:+.2f} points [{low:+.2f}, {high:+.2f}]"


@value
class Lower:
    """`rows` are lower than `than` in every one of `metrics`."""

    kind: Literal["lower"] = "lower"
    text: str
    """The sentence, as the report prints it."""
    rows: tuple[str, ...] = Field(min_length=1)
    than: str
    metrics: tuple[str, ...] = Field(min_length=1)

    def __post_init__(self) -> None:
        _refuse_itself(self.rows, self.than)

    def rows_named(self) -> list[str]:
        """Every row it speaks of."""
        return [*self.rows, self.than]

    def decide(self, flags: Flags, row: str, metric: str) -> Finding:
        """Yes when the difference is below zero and significant; no when it is not below zero."""
        test = paired(flags[row, metric], flags[self.than, metric])
        significant = test.p_value < _LEVEL
        holds = False if test.difference >= 0 else (True if significant else None)
        chance = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.3f}"
        return holds, f"{row}, {metric}: {100 * test.difference:+.2f} points ({chance})"


@value
class AtMost:
    """`rows` stay at or below `percent` in every one of `metrics`."""

    kind: Literal["at_most"] = "at_most"
    text: str
    """The sentence, as the report prints it."""
    rows: tuple[str, ...] = Field(min_length=1)
    metrics: tuple[str, ...] = Field(min_length=1)
    percent: Percent

    def rows_named(self) -> list[str]:
        """Every row it speaks of."""
        return list(self.rows)

    def decide(self, flags: Flags, row: str, metric: str) -> Finding:
        """Yes when the 95 % interval of the accuracy stays below; no when the accuracy itself does not."""
        share, low, high = _accuracy(flags[row, metric])
        holds = True if high <= self.percent else (False if share > self.percent else None)
        return holds, f"{row}, {metric}: {share:.2f} % [{low:.2f}, {high:.2f}]"


@value
class AtLeast:
    """`rows` reach `percent` in every one of `metrics`."""

    kind: Literal["at_least"] = "at_least"
    text: str
    """The sentence, as the report prints it."""
    rows: tuple[str, ...] = Field(min_length=1)
    metrics: tuple[str, ...] = Field(min_length=1)
    percent: Percent

    def rows_named(self) -> list[str]:
        """Every row it speaks of."""
        return list(self.rows)

    def decide(self, flags: Flags, row: str, metric: str) -> Finding:
        """Yes when the 95 % interval of the accuracy stays above; no when the accuracy itself does not."""
        share, low, high = _accuracy(flags[row, metric])
        holds = True if low >= self.percent else (False if share < self.percent else None)
        return holds, f"{row}, {metric}: {share:.2f} % [{low:.2f}, {high:.2f}]"


AnyStatement = Annotated[Keeps | Lower | AtMost | AtLeast, Field(discriminator="kind")]
"""Every kind of statement a recipe can make."""


def judge(statements: Sequence[AnyStatement], cells: Sequence[Cell], seeds: Sequence[int]) -> list[Verdict]:
    """Decide each statement from the per-image flags of all seeds; one whose cells are not all there is undecided."""
    flags = _flags(cells, seeds)
    verdicts = []
    for statement in statements:
        wanted = [(row, metric) for row in statement.rows_named() for metric in statement.metrics]
        absent = [f"{row}, {metric}" for row, metric in wanted if (row, metric) not in flags]
        shapes = {flags[place].shape for place in wanted if place in flags}
        if absent:
            verdicts.append(Verdict(statement.text, None, f"not measured yet: {'; '.join(absent)}"))
        elif len(shapes) > 1:
            verdicts.append(Verdict(statement.text, None, "not the same images for every row"))
        else:
            found = [statement.decide(flags, row, metric) for row in statement.rows for metric in statement.metrics]
            verdicts.append(_together(statement.text, found))
    return verdicts


def _refuse_itself(rows: Sequence[str], than: str) -> None:
    if than in rows:
        raise ValueError(f"'{than}' is compared with itself; leave it out of rows")


def _flags(cells: Sequence[Cell], seeds: Sequence[int]) -> Flags:
    """Of the places that are measured for every seed."""
    found: dict[tuple[str, str], dict[int, NDArray[np.bool_]]] = {}
    for cell in cells:
        if cell.flags is not None:
            found.setdefault((cell.row, cell.metric), {})[cell.seed] = cell.flags
    whole = {place: by_seed for place, by_seed in found.items() if by_seed.keys() >= set(seeds)}
    return {place: np.stack([by_seed[seed] for seed in seeds]) for place, by_seed in whole.items()}


def _accuracy(flags: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Percent with its interval; the images are the sample, whatever the number of seeds."""
    share = float(flags.mean())
    low, high = wilson(round(share * flags.shape[1]), flags.shape[1])
    return 100 * share, 100 * low, 100 * high


def _together(text: str, found: Sequence[Finding]) -> Verdict:
    """A statement about several comparisons fails with one of them, and holds only with all."""
    outcomes = [holds for holds, _ in found]
    holds = False if False in outcomes else (None if None in outcomes else True)
    return Verdict(text, holds, "; ".join(evidence for _, evidence in found))
