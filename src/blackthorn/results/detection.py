"""The record of a detector against one attacker: what it notices, and what slips through."""

from typing import Any, Literal

from .record import Record, record
from .statistics import Reading


@record
class DetectionRecord(Record):
    """One detector of attacked images, against one attack or one universal noise."""

    measure: Literal["detection"] = "detection"
    attack: dict[str, Any]
    """As spelled in a recipe."""
    noise: str | None = None
    """Class and limit of a universal noise, such as "3, 0.25"."""
    eps: float | None = None
    adaptive: bool = False
    """Whether the attacker knows of the detector."""
    outputs: Literal["raw", "softmax"]
    """What the detector reads."""
    value: float
    """Area under the ROC curve, with its 95 % interval."""
    low: float
    high: float
    n: int
    """Images."""
    fooled: int = 0
    """Attacked images that are misclassified."""
    auroc_fooled: float | None = None
    """The area for these images alone; None where there are none."""
    auroc_fooled_low: float | None = None
    auroc_fooled_high: float | None = None
    tpr_1: float
    """Share of attacked images that is flagged where 1 % of untouched ones are."""
    tpr_5: float
    threshold_5: float
    """The score above which an image is flagged at 5 % false alarms."""
    accuracy: float
    accuracy_attacked: float
    undetected: float
    """Share of attacked images that is misclassified and not flagged, at 5 % false alarms."""
    undetected_low: float
    undetected_high: float
    roc: tuple[tuple[float, float], ...] = ()
    """Points of the curve: false positive rate, true positive rate."""

    @property
    def reading(self) -> Reading:
        """The area under the ROC curve."""
        return Reading(self.value, self.low, self.high, self.n, share=False)

    @property
    def reading_fooled(self) -> Reading | None:
        """The area for attacked images that are misclassified; None where there are none."""
        area, low, high = self.auroc_fooled, self.auroc_fooled_low, self.auroc_fooled_high
        if area is None or low is None or high is None:
            return None
        return Reading(area, low, high, self.fooled, share=False)

    @property
    def reading_undetected(self) -> Reading:
        """The share of attacked images that is misclassified and not flagged."""
        return Reading(self.undetected, self.undetected_low, self.undetected_high, self.n)
