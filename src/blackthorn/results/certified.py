"""The record of a proof: the share of images that nothing in their ball can have misclassified."""

from typing import Literal

from .record import Record, record
from .statistics import Reading


@record
class CertifiedRecord(Record):
    """A lower bound of one network's robust accuracy, with its 95 % interval over images."""

    measure: Literal["certified"] = "certified"
    value: float
    """Share of images proved to stand, a fraction in [0, 1]."""
    n: int
    """Images."""
    low: float
    high: float
    eps: float
    """Radius, in pixels of [0, 1]."""
    norm: Literal["linf", "l2"]
    method: str
    """The tightest bound that was tried."""
    proved_by: dict[str, int]
    """How many images each method proved; each image counts for the cheapest that could."""
    parameters: int | None = None
    """Numbers that training may change, zeros included."""

    @property
    def reading(self) -> Reading:
        """The share that is proved."""
        return Reading(self.value, self.low, self.high, self.n)

    @property
    def flagged(self) -> int:
        """Every image has a flag: proved or not."""
        return self.n
