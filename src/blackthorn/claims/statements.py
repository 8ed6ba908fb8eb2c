"""Sentences of a paper as claims that numbers decide: yes, no, or not to be told from this many images.

Comparisons are paired: both sides are judged on the same test images, so that what they share cancels out. A
statement is decided when everything it speaks of is measured for all seeds. It says yes when a whole 95 % interval
(or a test at that level) agrees, no when the number itself contradicts, and is undecided in between.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Literal

from pydantic import Field

from ..measuring import Paired
from ..results.cells import Cell, Verdict
from ..values import Count, value
from .answers import Answers, Place, gather
from .cost_statements import Proportional
from .curve_statements import Rises, Stays
from .detection_statements import Detects, DetectsBetter
from .findings import (
    Finding,
    Names,
    Percent,
    Rates,
    Sentence,
    beyond_chance,
    enough,
    more,
    no_less,
    places,
    refuse_itself,
    refuse_same,
    told,
)
from .sweep_statements import Further, Sooner

_NAMED = 4  # places that are not measured, named one by one


@value
class Keeps:
    """`rows` lose no more than `points` of percentage against `than`."""

    kind: Literal["keeps"] = "keeps"
    text: Sentence
    rows: Names
    than: str
    metrics: Names
    points: Percent

    def __post_init__(self) -> None:
        refuse_itself(self.rows, self.than)

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return places((*self.rows, self.than), self.metrics)

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the 95 % interval of the difference stays above -points; no when the difference itself does not."""
        pairs = [((row, metric), (self.than, metric)) for row, metric in places(self.rows, self.metrics)]
        return _compared(answers, pairs, lambda test: no_less(test, self.points))


@value
class Lower:
    """`rows` are lower than `than` in every one of `metrics`."""

    kind: Literal["lower"] = "lower"
    text: Sentence
    rows: Names
    than: str
    metrics: Names
    fewest: Count | None = None
    """In how many of all comparisons at least; by default in all."""

    def __post_init__(self) -> None:
        refuse_itself(self.rows, self.than)
        _refuse_too_many(self.fewest, len(self.rows) * len(self.metrics))

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return places((*self.rows, self.than), self.metrics)

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the difference is below zero and significant; no when it is not below zero."""
        pairs = [((row, metric), (self.than, metric)) for row, metric in places(self.rows, self.metrics)]
        return enough(_compared(answers, pairs, lambda test: beyond_chance(test, test.difference < 0)), self.fewest)


@value
class Higher:
    """`rows` are higher than `than` in every one of `metrics`, by more than `points` where they are given."""

    kind: Literal["higher"] = "higher"
    text: Sentence
    rows: Names
    than: str
    metrics: Names
    points: Percent = 0.0
    fewest: Count | None = None
    """In how many of all comparisons at least; by default in all."""

    def __post_init__(self) -> None:
        refuse_itself(self.rows, self.than)
        _refuse_too_many(self.fewest, len(self.rows) * len(self.metrics))

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return places((*self.rows, self.than), self.metrics)

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the difference is above zero and significant, or its 95 % interval above `points`; no when the
        difference itself is not.
        """
        pairs = [((row, metric), (self.than, metric)) for row, metric in places(self.rows, self.metrics)]
        return enough(_compared(answers, pairs, self._judged), self.fewest)

    def _judged(self, test: Paired) -> Finding:
        return more(test, self.points) if self.points else beyond_chance(test, test.difference > 0)


@value
class NotBelow:
    """`rows` are, under `metric`, no more than `points` below what they are under `than_metric`.

    Such as a black-box attack, which should find no more than a white-box attack of the same strength. Compared on
    the test images that both measures have.
    """

    kind: Literal["not_below"] = "not_below"
    text: Sentence
    rows: Names
    metric: str
    than_metric: str
    points: Percent = 0.0

    def __post_init__(self) -> None:
        refuse_same(self.than_metric, (self.metric,))

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return places(self.rows, (self.metric, self.than_metric))

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the 95 % interval of the difference stays above -points; no when the difference itself does not.

        Undecided too where the measures have other images, as with `n_max` in one of them.
        """
        pairs = [((row, self.metric), (row, self.than_metric)) for row in self.rows]
        return _compared(answers, pairs, lambda test: no_less(test, self.points))


@value
class Above:
    """`rows` are, under each of `metrics`, more than `points` above what they are under its partner in `than_metrics`.

    Such as an attack that leaves more than another of the same strength. Compared on the test images that both measures
    have.
    """

    kind: Literal["above"] = "above"
    text: Sentence
    rows: Names
    metrics: Names
    than_metrics: Names
    """As many as `metrics`: the first is compared with the first, the second with the second."""
    points: Percent = 0.0
    fewest: Count | None = None
    """In how many of all comparisons at least; by default in all."""

    def __post_init__(self) -> None:
        if len(self.metrics) != len(self.than_metrics):
            raise ValueError(f"{len(self.metrics)} metrics and {len(self.than_metrics)} than_metrics; write pairs")
        for metric, than in zip(self.metrics, self.than_metrics):
            refuse_same(than, (metric,))
        _refuse_too_many(self.fewest, len(self.rows) * len(self.metrics))

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return places(self.rows, (*self.metrics, *self.than_metrics))

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the 95 % interval of the difference stays above `points`; no when the difference itself does not."""
        partners = list(zip(self.metrics, self.than_metrics))
        pairs = [((row, metric), (row, than)) for row in self.rows for metric, than in partners]
        found = _compared(answers, pairs, lambda test: more(test, self.points))
        return enough(found, self.fewest)


@value
class AtMost:
    """`rows` stay at or below `percent` in every one of `metrics`."""

    kind: Literal["at_most"] = "at_most"
    text: Sentence
    rows: Names
    metrics: Names
    percent: Percent

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return places(self.rows, self.metrics)

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the 95 % interval of the accuracy stays below; no when the accuracy itself does not."""
        return _measured(answers, self.places(rates), lambda at, _, high: told(high <= self.percent, at > self.percent))


@value
class AtLeast:
    """`rows` reach `percent` in every one of `metrics`."""

    kind: Literal["at_least"] = "at_least"
    text: Sentence
    rows: Names
    metrics: Names
    percent: Percent

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return places(self.rows, self.metrics)

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the 95 % interval of the accuracy stays above; no when the accuracy itself does not."""
        return _measured(answers, self.places(rates), lambda at, low, _: told(low >= self.percent, at < self.percent))


AnyStatement = Annotated[
    Keeps
    | Lower
    | Higher
    | NotBelow
    | Above
    | AtMost
    | AtLeast
    | Sooner
    | Further
    | Stays
    | Rises
    | Proportional
    | Detects
    | DetectsBetter,
    Field(discriminator="kind"),
]
"""Every kind of statement a recipe can make."""


def judge(
    statements: Sequence[AnyStatement], cells: Sequence[Cell], seeds: Sequence[int], rates: Rates | None = None
) -> list[Verdict]:
    """Decide each statement from the per-image flags of all seeds; one whose cells are not all there is undecided.

    `rates` holds the requested sparsity of every row, for statements about a sweep.
    """
    answers, rates = gather(cells, seeds), rates or {}
    verdicts = []
    for statement in statements:
        absent = answers.missing(statement.places(rates))
        if absent:
            more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
            said = f"not measured yet: {'; '.join(absent[:_NAMED])}{more}"
            verdicts.append(Verdict(statement.text, None, said))
        else:
            verdicts.append(_together(statement.text, statement.decide(answers, rates)))
    return verdicts


def _refuse_too_many(fewest: int | None, comparisons: int) -> None:
    if fewest is not None and fewest > comparisons:
        raise ValueError(f"fewest: there are {comparisons} comparisons, got {fewest}")


def _compared(
    answers: Answers, pairs: Iterable[tuple[Place, Place]], decide: Callable[[Paired], Finding]
) -> list[Finding]:
    """A finding for each pair of places."""
    found = []
    for place, other in pairs:
        test = answers.compare(place, other)
        holds, said = (None, "not the same images") if test is None else decide(test)
        found.append((holds, f"{', '.join(place)}: {said}"))
    return found


def _measured(
    answers: Answers, places: Iterable[Place], decide: Callable[[float, float, float], bool | None]
) -> list[Finding]:
    """A finding for each place, from its accuracy in percent and the ends of its interval."""
    found = []
    for place in places:
        at, low, high = answers.accuracy(place)
        found.append((decide(at, low, high), f"{', '.join(place)}: {at:.2f} % [{low:.2f}, {high:.2f}]"))
    return found


def _together(text: str, found: Sequence[Finding]) -> Verdict:
    """A statement about several comparisons fails with one of them, and holds only with all."""
    outcomes = [holds for holds, _ in found]
    holds = False if False in outcomes else (None if None in outcomes else True)
    return Verdict(text, holds, "; ".join(evidence for _, evidence in found))
