"""Sentences of a paper as claims that numbers decide: yes, no, or not to be told from this many images.

Comparisons are paired: both sides are judged on the same test images, so that what they share cancels out. A
statement is decided when everything it speaks of is measured for all seeds. It says yes when a whole 95 % interval
(or a test at that level) agrees, no when the number itself contradicts, and is undecided in between.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from ..measuring import Paired
from ..values import Count, Number, value
from .answers import Answers, Place, gather
from .cells import Cell, Verdict
from .sweeps import Limit, Pattern, goes_further, limit, swept

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
        _refuse_itself(self.rows, self.than)

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return _places((*self.rows, self.than), self.metrics)

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the 95 % interval of the difference stays above -points; no when the difference itself does not."""
        pairs = [((row, metric), (self.than, metric)) for row, metric in _places(self.rows, self.metrics)]
        return _compared(answers, pairs, lambda test: _no_less(test, self.points))


@value
class Lower:
    """`rows` are lower than `than` in every one of `metrics`."""

    kind: Literal["lower"] = "lower"
    text: Sentence
    rows: Names
    than: str
    metrics: Names

    def __post_init__(self) -> None:
        _refuse_itself(self.rows, self.than)

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return _places((*self.rows, self.than), self.metrics)

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the difference is below zero and significant; no when it is not below zero."""
        pairs = [((row, metric), (self.than, metric)) for row, metric in _places(self.rows, self.metrics)]
        return _compared(answers, pairs, lambda test: _beyond_chance(test, test.difference < 0))


@value
class Higher:
    """`rows` are higher than `than` in every one of `metrics`."""

    kind: Literal["higher"] = "higher"
    text: Sentence
    rows: Names
    than: str
    metrics: Names

    def __post_init__(self) -> None:
        _refuse_itself(self.rows, self.than)

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return _places((*self.rows, self.than), self.metrics)

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the difference is above zero and significant; no when it is not above zero."""
        pairs = [((row, metric), (self.than, metric)) for row, metric in _places(self.rows, self.metrics)]
        return _compared(answers, pairs, lambda test: _beyond_chance(test, test.difference > 0))


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
        _refuse_same(self.than_metric, (self.metric,))

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return _places(self.rows, (self.metric, self.than_metric))

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the 95 % interval of the difference stays above -points; no when the difference itself does not.

        Undecided too where the measures have other images, as with `n_max` in one of them.
        """
        pairs = [((row, self.metric), (row, self.than_metric)) for row in self.rows]
        return _compared(answers, pairs, lambda test: _no_less(test, self.points))


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
            _refuse_same(than, (metric,))
        if self.fewest is not None and self.fewest > len(self.rows) * len(self.metrics):
            raise ValueError(f"fewest: there are {len(self.rows) * len(self.metrics)} comparisons, got {self.fewest}")

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return _places(self.rows, (*self.metrics, *self.than_metrics))

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the 95 % interval of the difference stays above `points`; no when the difference itself does not."""
        partners = list(zip(self.metrics, self.than_metrics))
        pairs = [((row, metric), (row, than)) for row in self.rows for metric, than in partners]
        found = _compared(answers, pairs, lambda test: _more(test, self.points))
        return found if self.fewest is None else [_enough(found, self.fewest)]


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
        return _places(self.rows, self.metrics)

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the 95 % interval of the accuracy stays below; no when the accuracy itself does not."""
        return _measured(
            answers, self.places(rates), lambda at, _, high: _told(high <= self.percent, at > self.percent)
        )


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
        return _places(self.rows, self.metrics)

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the 95 % interval of the accuracy stays above; no when the accuracy itself does not."""
        return _measured(answers, self.places(rates), lambda at, low, _: _told(low >= self.percent, at < self.percent))


@value
class Sooner:
    """As more is pruned, each of `metrics` leaves `points` of percentage around `than` sooner than `than_metric`.

    Robustness gives way before natural accuracy: the largest rate of the sweep at which it is still within `points`
    of the unpruned network is smaller.
    """

    kind: Literal["sooner"] = "sooner"
    text: Sentence
    rows: Pattern
    than: str
    metrics: Names
    than_metric: str
    points: Percent

    def __post_init__(self) -> None:
        _refuse_same(self.than_metric, self.metrics)

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return _places((self.than, *swept(self.rows, self.than, rates)), (*self.metrics, self.than_metric))

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when `than_metric` surely lasts to a larger rate than the metric possibly does, by the 95 % intervals.

        No when, as measured, it gives way at the same rate or sooner. Undecided in between, and when nothing gives way
        within the sweep.
        """
        found = []
        for metric in self.metrics:
            lasting = _limit(answers, rates, self.rows, self.than, self.than_metric, self.points)
            leaving = _limit(answers, rates, self.rows, self.than, metric, self.points)
            said = f"within {self.points:g} points up to {leaving} under {metric}, up to {lasting} under "
            found.append((goes_further(lasting, leaving), f"{self.rows}: {said}{self.than_metric}"))
        return found


@value
class Further:
    """The sweep `from` can be pruned further than the sweep `against` before `metrics` lose `points` against `than`."""

    kind: Literal["further"] = "further"
    text: Sentence
    rows: Pattern
    against: Annotated[str, Field(min_length=1, description="The rows of the other sweep: fgsm filter *.")]
    than: str
    metrics: Names
    points: Percent

    def __post_init__(self) -> None:
        if self.rows == self.against:
            raise ValueError(f"'{self.rows}' is compared with itself; write another sweep in against")

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        sweeps = [row for pattern in (self.rows, self.against) for row in swept(pattern, self.than, rates)]
        return _places((self.than, *sweeps), self.metrics)

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the first sweep surely lasts to a larger rate than the other possibly does, by the 95 % intervals.

        No when, as measured, it gives way at the same rate or sooner. Undecided in between, and when the sweep that
        should give way first does not do so at its largest rate.
        """
        found = []
        for metric in self.metrics:
            one, other = (
                _limit(answers, rates, pattern, self.than, metric, self.points) for pattern in (self.rows, self.against)
            )
            said = f"within {self.points:g} points up to {one} for {self.rows}, up to {other} for {self.against}"
            found.append((goes_further(one, other), f"{metric}: {said}"))
        return found


AnyStatement = Annotated[
    Keeps | Lower | Higher | NotBelow | Above | AtMost | AtLeast | Sooner | Further, Field(discriminator="kind")
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


def _refuse_itself(rows: Sequence[str], than: str) -> None:
    if than in rows:
        raise ValueError(f"'{than}' is compared with itself; leave it out of rows")


def _refuse_same(metric: str, others: Sequence[str]) -> None:
    if metric in others:
        raise ValueError(f"'{metric}' is compared with itself; write another measure in than_metric")


def _places(rows: Iterable[str], metrics: Sequence[str]) -> list[Place]:
    return [(row, metric) for row in rows for metric in metrics]


def _told(agrees: bool, contradicts: bool) -> bool | None:
    return True if agrees else (False if contradicts else None)


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


def _no_less(test: Paired, points: float) -> Finding:
    change, low, high = 100 * test.difference, 100 * test.low, 100 * test.high
    return _told(low >= -points, change < -points), f"{change:+.2f} points [{low:+.2f}, {high:+.2f}]"


def _more(test: Paired, points: float) -> Finding:
    change, low, high = 100 * test.difference, 100 * test.low, 100 * test.high
    return _told(low > points, change <= points), f"{change:+.2f} points [{low:+.2f}, {high:+.2f}]"


def _enough(found: Sequence[Finding], fewest: int) -> Finding:
    """Several findings as one: whether at least so many of them hold."""
    outcomes = [holds for holds, _ in found]
    yes, possible = outcomes.count(True), len(outcomes) - outcomes.count(False)
    said = f"{yes} of {len(outcomes)}, at least {fewest} wanted: {'; '.join(evidence for _, evidence in found)}"
    return _told(yes >= fewest, possible < fewest), said


def _beyond_chance(test: Paired, as_said: bool) -> Finding:
    chance = "p < 0.001" if test.p_value < 0.001 else f"p = {test.p_value:.3f}"
    said = f"{100 * test.difference:+.2f} points ({chance})"
    return _told(as_said and test.p_value < _LEVEL, not as_said), said


def _limit(answers: Answers, rates: Rates, pattern: str, than: str, metric: str, points: float) -> Limit:
    """How far a sweep goes. One measure has the same images for every network."""
    changes = []
    for row in swept(pattern, than, rates):
        change = answers.compare((row, metric), (than, metric))
        assert change is not None
        changes.append((rates[row], change))
    return limit(changes, points)


def _together(text: str, found: Sequence[Finding]) -> Verdict:
    """A statement about several comparisons fails with one of them, and holds only with all."""
    outcomes = [holds for holds, _ in found]
    holds = False if False in outcomes else (None if None in outcomes else True)
    return Verdict(text, holds, "; ".join(evidence for _, evidence in found))
