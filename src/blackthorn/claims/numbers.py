"""Statements about numbers in units of their own: how vulnerable networks are, and how little is left of them."""

from typing import ClassVar, Literal

from ..results import CountedRecord, Record, VulnerabilityRecord, estimate
from ..results.statistics import apart
from ..values import NonNegative, value
from .evidence import Evidence
from .finding import Finding
from .statement import About, Against, places


@value
class MoreVulnerable(Against):
    """The features of `rows` move more under the attack than those of `than`, in every one of `metrics`.

    With all the other rows in `rows` it says that `than` is the least vulnerable.
    """

    record: ClassVar[type[Record]] = VulnerabilityRecord
    kind: Literal["more_vulnerable"] = "more_vulnerable"

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the 95 % interval of the difference, from the two intervals, is above zero; no when the whole of
        it is not.
        """
        found = []
        for place, other in self.pairs:
            one, two = (estimate(evidence.cells(VulnerabilityRecord, at)) for at in (place, other))
            assert one is not None and two is not None  # a statement is decided when all its places are measured
            test = apart(one, two)
            said = f"{', '.join(place)}: {one.value:.4g} against {two.value:.4g}"
            said += f", {test.difference:+.4g} [{test.low:+.4g}, {test.high:+.4g}]"
            found.append(Finding(test.above(0), test.at_most(0), said))
        return found


@value
class Reaches(About):
    """The counts of `rows` reach `number` in every one of `metrics`: so sparse, or so many times fewer operations."""

    record: ClassVar[type[Record]] = CountedRecord
    kind: Literal["reaches"] = "reaches"
    number: NonNegative
    """In the unit of the count: percent, or times."""

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when every seed does, no when none does: a count is exact."""
        found = []
        for place in places(self.rows, self.metrics):
            counts = [cell.record.value for cell in evidence.cells(CountedRecord, place)]
            reached = [count >= self.number for count in counts]
            said = f"{', '.join(place)}: {sum(counts) / len(counts):.4g} [{min(counts):.4g}, {max(counts):.4g}]"
            found.append(Finding.of(all(reached) if all(reached) == any(reached) else None, said))
        return found
