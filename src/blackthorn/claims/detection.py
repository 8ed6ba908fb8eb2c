"""Statements about detectors: how well they tell attacked images from untouched ones, and what slips through."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

from ..results import DetectionRecord, Estimate, Place, Reading, Record, over_seeds
from ..results.statistics import apart
from ..values import Count, Rate, value
from .evidence import Evidence
from .finding import Finding, at_least, at_most, together
from .statement import About, Against, places

Which = Literal["auroc", "auroc_fooled", "undetected"]

_READ: dict[Which, tuple[str, Callable[[DetectionRecord], Reading | None]]] = {
    "auroc": ("AUROC", lambda record: record.reading),
    "auroc_fooled": ("AUROC of misclassified images", lambda record: record.reading_fooled),
    "undetected": ("misclassified, not flagged", lambda record: record.reading_undetected),
}
"""In words, and where a record has it."""


@value
class Detects(About):
    """A number of the detectors `metrics` is at least, or at most, so much, against each of their attackers."""

    record: ClassVar[type[Record]] = DetectionRecord
    kind: Literal["detects"] = "detects"
    number: Which = "auroc"
    """auroc: the area under the ROC curve; auroc_fooled: the same for attacked images that are misclassified;
    undetected: the share of attacked images that is misclassified and not flagged, where 5 % of untouched ones are.
    """
    at_least: Rate | None = None
    at_most: Rate | None = None
    fewest: Count | None = None
    """Against how many of all attackers at least; by default against all."""

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("write at_least or at_most; one of them")

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the whole 95 % interval is on that side; no when it is on the other."""
        words, read = _READ[self.number]
        found: list[Finding] = []
        for place in places(self.rows, self.metrics):
            for attacker, records in _attackers(evidence, place).items():
                name, seen = f"{_name(place, attacker)}: {words}", _mean(evidence, records, read)
                if seen is None:
                    found.append(Finding.of(None, f"{name} not known, since no attacked image is misclassified"))
                else:
                    found.append(self._judged(seen, f"{name} {seen.value:.3f} [{seen.low:.3f}, {seen.high:.3f}]"))
        return [together(found, self.fewest)]

    def _judged(self, seen: Estimate, said: str) -> Finding:
        if self.at_least is not None:
            return at_least(seen, self.at_least, said)
        assert self.at_most is not None
        return at_most(seen, self.at_most, said)


@value
class DetectsBetter(Against):
    """Each of `rows` has a larger area under the ROC curve than `than`, against each attacker of each of `metrics`."""

    record: ClassVar[type[Record]] = DetectionRecord
    kind: Literal["detects_better"] = "detects_better"
    fewest: Count | None = None
    """Against how many of all attackers at least; by default against all."""

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the 95 % interval of the difference is above 0; no when the whole of it is not.

        The interval is that of two independent areas. Both are measured on the same images, so it is too wide rather
        than too narrow.
        """
        words, read = _READ["auroc"]
        found: list[Finding] = []
        for place, other in self.pairs:
            ours, theirs = _attackers(evidence, place), _attackers(evidence, other)
            for attacker in (name for name in ours if name in theirs):
                a, b = _mean(evidence, ours[attacker], read), _mean(evidence, theirs[attacker], read)
                assert a is not None and b is not None  # every record has its area
                moved = apart(a, b)
                said = f"{_name(place, attacker)}: {words} {a.value:.3f} against {b.value:.3f}"
                numbers = f"{moved.difference:+.3f} [{moved.low:+.3f}, {moved.high:+.3f}]"
                found.append(Finding(moved.above(0), moved.at_most(0), f"{said}, {numbers}"))
        return [together(found, self.fewest)]


def _attackers(evidence: Evidence, place: Place) -> dict[str, list[DetectionRecord]]:
    """Noise, empty for an attack -> the record of each seed; those that all seeds have."""
    by_seed = [
        {record.noise or "": record for record in records} for records in evidence.records(DetectionRecord, place)
    ]
    first, *others = by_seed
    return {name: [held[name] for held in by_seed] for name in first if all(name in held for held in others)}


def _mean(
    evidence: Evidence, records: Sequence[DetectionRecord], read: Callable[[DetectionRecord], Reading | None]
) -> Estimate | None:
    """The mean over the seeds with its interval; None where a seed lacks the number."""
    readings = [reading for record in records if (reading := read(record)) is not None]
    return over_seeds(readings, evidence.grid.seeds) if len(readings) == len(records) else None


def _name(place: Place, attacker: str) -> str:
    return ", ".join((*place, *([attacker] if attacker else [])))
