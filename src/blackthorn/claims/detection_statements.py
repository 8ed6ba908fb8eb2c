"""Statements about detectors: how well they tell attacked images from untouched ones, and what slips through."""

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from ..values import Count, Rate, value
from .answers import Answers, Place
from .findings import Finding, Names, Rates, Sentence, enough, places, refuse_itself, told

Which = Literal["auroc", "auroc_fooled", "undetected"]

_KEYS = {
    "auroc": ("value", "low", "high"),
    "auroc_fooled": ("auroc_fooled", "auroc_fooled_low", "auroc_fooled_high"),
    "undetected": ("undetected", "undetected_low", "undetected_high"),
}
_WORDS = {"auroc": "AUROC", "auroc_fooled": "AUROC of misclassified images", "undetected": "misclassified, not flagged"}


@value
class Detects:
    """A number of the detectors `metrics` is at least, or at most, so much, against each of their attackers."""

    measure: ClassVar[str] = "detection"
    kind: Literal["detects"] = "detects"
    text: Sentence
    rows: Names
    metrics: Names
    """Measures of kind detection."""
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

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return places(self.rows, self.metrics)

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the whole 95 % interval is on that side; no when the number itself is on the other."""
        found: list[Finding] = []
        for place in self.places(rates):
            for attacker, records in answers.detections[place].items():
                name = f"{_name(place, attacker)}: {_WORDS[self.number]}"
                seen = _mean(records, self.number)
                if seen is None:
                    found.append((None, f"{name} not known, since no attacked image is misclassified"))
                    continue
                at, low, high = seen
                if self.at_least is not None:
                    holds = told(low >= self.at_least, at < self.at_least)
                else:
                    assert self.at_most is not None
                    holds = told(high <= self.at_most, at > self.at_most)
                found.append((holds, f"{name} {at:.3f} [{low:.3f}, {high:.3f}]"))
        return enough(found, self.fewest)


@value
class DetectsBetter:
    """Each of `rows` has a larger area under the ROC curve than `than`, against each attacker of each of `metrics`."""

    measure: ClassVar[str] = "detection"
    kind: Literal["detects_better"] = "detects_better"
    text: Sentence
    rows: Names
    than: str
    metrics: Names
    """Measures of kind detection."""
    fewest: Count | None = None
    """Against how many of all attackers at least; by default against all."""

    def __post_init__(self) -> None:
        refuse_itself(self.rows, self.than)

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return places((*self.rows, self.than), self.metrics)

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the 95 % interval of the difference is above 0; no when the difference itself is not.

        The interval is that of two independent areas. Both are measured on the same images, so it is too wide rather
        than too narrow.
        """
        found: list[Finding] = []
        for row in self.rows:
            for metric in self.metrics:
                ours, theirs = answers.detections[row, metric], answers.detections[self.than, metric]
                for attacker in (name for name in ours if name in theirs):
                    one, other = _mean(ours[attacker], "auroc"), _mean(theirs[attacker], "auroc")
                    assert one is not None and other is not None  # every record has its area
                    moved = one[0] - other[0]
                    low = moved - math.hypot(one[0] - one[1], other[2] - other[0])
                    high = moved + math.hypot(one[2] - one[0], other[0] - other[1])
                    said = f"{_name((row, metric), attacker)}: AUROC {one[0]:.3f} against {other[0]:.3f}"
                    found.append((told(low > 0, moved <= 0), f"{said}, {moved:+.3f} [{low:+.3f}, {high:+.3f}]"))
        return enough(found, self.fewest)


def _mean(records: Sequence[Mapping[str, object]], number: Which) -> tuple[float, float, float] | None:
    """Mean over the seeds with its interval; the images are the sample, whatever the number of seeds."""
    read = [[record.get(key) for key in _KEYS[number]] for record in records]
    held = [[float(str(one)) for one in three] for three in read if None not in three]
    if len(held) < len(records):
        return None
    at, low, high = (sum(column) / len(held) for column in zip(*held))
    return at, low, high


def _name(place: Place, attacker: str) -> str:
    return ", ".join((*place, *([attacker] if attacker else [])))
