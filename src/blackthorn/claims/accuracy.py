"""Statements about accuracies, natural or under attack: of networks against each other, and of measures.

Comparisons are paired: both sides are judged on the same test images, so that what they share cancels out.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import ClassVar, Literal

from ..results import Difference, Estimate, Place
from ..values import Count, value
from .evidence import Evidence
from .finding import Finding, Names, Percent, at_least, at_most, more, no_less, significant, together
from .statement import About, Against, Rates, Statement, places, refuse_same, refuse_too_many


@value
class Keeps(Against):
    """`rows` lose no more than `points` of percentage against `than`."""

    kind: Literal["keeps"] = "keeps"
    points: Percent

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the 95 % interval of the difference stays above -points; no when it stays below."""
        return _compared(evidence, self.pairs, lambda test: no_less(test, self.points))


@value
class Lower(Against):
    """`rows` are lower than `than` in every one of `metrics`."""

    kind: Literal["lower"] = "lower"
    fewest: Count | None = None
    """In how many of all comparisons at least; by default in all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_too_many(self.fewest, len(self.pairs))

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the 95 % interval of the difference is below zero; no when it is not, as a whole."""
        return [together(_compared(evidence, self.pairs, lambda test: significant(test, -1)), self.fewest)]


@value
class Higher(Against):
    """`rows` are higher than `than` in every one of `metrics`, by more than `points` where they are given."""

    kind: Literal["higher"] = "higher"
    points: Percent = 0.0
    fewest: Count | None = None
    """In how many of all comparisons at least; by default in all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_too_many(self.fewest, len(self.pairs))

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the 95 % interval of the difference is above zero, or above `points`; no when the whole of it is
        not.
        """
        return [together(_compared(evidence, self.pairs, self._judged), self.fewest)]

    def _judged(self, test: Difference) -> Finding:
        return more(test, self.points) if self.points else significant(test, 1)


@value
class NotBelow(Statement):
    """`rows` are, under `metric`, no more than `points` below what they are under `than_metric`.

    Such as a black-box attack, which should find no more than a white-box attack of the same strength. Compared on
    the test images that both measures have, as the attacks found them: an alarm changes nothing, since it tells that a
    better attack would find more, and not that this one did.
    """

    of_attacks: ClassVar[bool] = True
    kind: Literal["not_below"] = "not_below"
    rows: Names
    metric: str
    than_metric: str
    points: Percent = 0.0

    def __post_init__(self) -> None:
        refuse_same(self.than_metric, (self.metric,))

    def places(self, rates: Rates) -> list[Place]:
        """Each row under both measures."""
        return places(self.rows, (self.metric, self.than_metric))

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the 95 % interval of the difference stays above -points; no when it stays below.

        Undecided too where the measures share no image.
        """
        pairs = [((row, self.metric), (row, self.than_metric)) for row in self.rows]
        return _compared(evidence, pairs, lambda test: no_less(test, self.points), as_found=self.of_attacks)


@value
class Above(About):
    """`rows` are, under each of `metrics`, more than `points` above what they are under its partner in `than_metrics`.

    Such as an attack that leaves more than another of the same strength. Compared on the test images that both measures
    have, as the attacks found them, whether or not an alarm rang.
    """

    of_attacks: ClassVar[bool] = True
    kind: Literal["above"] = "above"
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
        refuse_too_many(self.fewest, len(self.rows) * len(self.metrics))

    def places(self, rates: Rates) -> list[Place]:
        """Each row under all the measures."""
        return places(self.rows, (*self.metrics, *self.than_metrics))

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the 95 % interval of the difference stays above `points`; no when the whole of it does not."""
        partners = list(zip(self.metrics, self.than_metrics))
        pairs = [((row, metric), (row, than)) for row in self.rows for metric, than in partners]
        found = _compared(evidence, pairs, lambda test: more(test, self.points), as_found=self.of_attacks)
        return [together(found, self.fewest)]


@value
class AtMost(About):
    """`rows` stay at or below `percent` in every one of `metrics`."""

    kind: Literal["at_most"] = "at_most"
    percent: Percent

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the 95 % interval of the accuracy stays below; no when it stays above."""
        return _measured(evidence, places(self.rows, self.metrics), at_most, self.percent)


@value
class AtLeast(About):
    """`rows` reach `percent` in every one of `metrics`."""

    kind: Literal["at_least"] = "at_least"
    percent: Percent

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the 95 % interval of the accuracy stays above; no when it stays below."""
        return _measured(evidence, places(self.rows, self.metrics), at_least, self.percent)


def _compared(
    evidence: Evidence,
    pairs: Iterable[tuple[Place, Place]],
    decide: Callable[[Difference], Finding],
    *,
    as_found: bool = False,
) -> list[Finding]:
    """A finding for each pair of places."""
    found = []
    for place, other in pairs:
        test = evidence.compare(place, other, as_found=as_found)
        said = Finding.of(None, "no image in common") if test is None else decide(test)
        found.append(replace(said, text=f"{', '.join(place)}: {said.text}"))
    return found


def _measured(
    evidence: Evidence, places: Iterable[Place], decide: Callable[[Estimate, float, str], Finding], percent: float
) -> list[Finding]:
    """A finding for each place, from its accuracy and its interval."""
    found = []
    for place in places:
        held = evidence.accuracy(place)
        assert held is not None  # a statement is decided when all its places are measured
        said = f"{', '.join(place)}: {100 * held.value:.2f} % [{100 * held.low:.2f}, {100 * held.high:.2f}]"
        found.append(decide(held, percent / 100, said))
    return found
