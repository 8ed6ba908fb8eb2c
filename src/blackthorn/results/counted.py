"""The record of a count: what is left of a network, by the bookkeeping of a paper."""

from typing import ClassVar, Literal

from .record import Record, record
from .statistics import Reading

Counting = Literal["corrected", "official"]
What = Literal["memory", "xflops", "units", "weights"]


@record
class CountedRecord(Record):
    """One count of one network, beside that of the network with nothing removed."""

    plain: ClassVar[bool] = True
    measure: Literal["counted"] = "counted"
    what: What
    counting: Counting
    value: float
    """memory: percent of the whole network's. xflops: how many times fewer operations. units, weights: percent that
    are gone.
    """
    whole: int
    """The count of the network with nothing removed."""
    left: int
    """The count of this network."""
    n: int = 1
    """Networks counted; a count has no error."""

    @property
    def reading(self) -> Reading:
        """The count, which is exact for one seed."""
        return Reading(self.value, self.value, self.value, self.n, share=False, bounded=False)
