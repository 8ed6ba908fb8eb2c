"""Memory, operations and units by the bookkeeping of the ANP-VS paper, beside the network with nothing removed.

What is really gained, bytes of a file and seconds, is measured by `cost`.
"""

from typing import ClassVar, Literal

from ..data import pixels
from ..errors import ModelError
from ..models import device_of
from ..resources import WithResources
from ..results import CountedRecord
from ..results.counted import Counting, What
from ..types import Progress
from ..values import value
from .bookkeeping import Books, books, numbers_per_weight
from .counting import parameters
from .measure import Measure, Measurement, Subject


@value
class Counted(WithResources, Measure):
    """One count of the network's smallest form, relative to the network with nothing removed.

    The counts of a network with two numbers for each weight, such as `gaussian`, are doubled, as in the paper's tables.

    Reference: Madaan et al. 2020, columns Memory, xFLOPS and Sparsity; see `measuring.bookkeeping`.
    """

    in_percent: ClassVar[bool | None] = False
    kind: Literal["counted"] = "counted"
    what: What
    """memory: percent of the whole network's numbers. xflops: how many times fewer operations. units: percent of the
    units that are gone. weights: percent of the weights that are zero or gone.
    """
    counting: Counting = "corrected"
    """official: as the authors' code counts, see `measuring.bookkeeping`."""

    def effort(self, images: int) -> float:
        """One image through two networks."""
        return 2.0

    def measure(self, subject: Subject, *, progress: Progress | None = None) -> Measurement:
        """One record.

        Raises:
            ModelError: the subject has no forms, or the network no layer to count.
        """
        if subject.forms is None:
            raise ModelError("a count is that of a network's forms; give Subject(forms=...)")
        if not parameters(subject.model):
            raise ModelError("an exported file has no layers to count; leave counted out of its row's measures")
        forms = subject.forms()
        small = next(forms[form] for form in ("shrunk", "masked", "dense") if form in forms)
        example = pixels(subject.x[:1]).to(device_of(subject.model, subject.x.device))
        held = numbers_per_weight(small)
        whole, left = (
            self._count(books(model, example, self.counting)) for model in (forms.get("dense", small), small)
        )
        left *= held if self.what in ("memory", "xflops") else 1
        found = self._value(whole, left)
        record = CountedRecord(what=self.what, counting=self.counting, value=found, whole=whole, left=left)
        return Measurement([record])

    def _count(self, found: Books) -> int:
        counts = {"memory": found.memory, "xflops": found.operations, "units": found.units, "weights": found.weights}
        return counts[self.what]

    def _value(self, whole: int, left: int) -> float:
        if self.what == "xflops":
            return whole / max(left, 1)
        share = 100 * left / max(whole, 1)
        return share if self.what == "memory" else 100 - share
