"""The record of one point of a pruning curve: accuracy at one rate, untouched or under one noise."""

from typing import Literal

from .record import Record, record
from .statistics import Reading


@record
class PruningCurveRecord(Record):
    """Accuracy of one network at one rate of pruning."""

    measure: Literal["pruning_curve"] = "pruning_curve"
    criterion: str
    also: str | None = None
    """The second criterion, whose removals are added."""
    layer: str | None = None
    """The only layer that was pruned; None where all were."""
    rate: float
    """The fraction that was to be removed."""
    sparsity: float
    """The fraction of all convolution and linear weights that is zero."""
    noise: str | None = None
    """Class and limit, such as "3, 0.25"; None for untouched images."""
    target: int | None = None
    limit: float | None = None
    value: float
    """Fraction in [0, 1]."""
    low: float
    high: float
    n: int
    """Images."""
    gained: int
    """Images that are right here and were wrong at the smallest rate."""
    lost: int
    """Images that are wrong here and were right at the smallest rate."""
    targeted_success: float | None = None
    """Share of the images of other classes that are taken for the noise's target."""
    highest: bool = False
    """Whether this is the highest rate that keeps the accuracy which the measure names."""

    @property
    def reading(self) -> Reading:
        """The accuracy."""
        return Reading(self.value, self.low, self.high, self.n)
