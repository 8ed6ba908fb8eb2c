"""What a network costs, beside its other forms: what it has, counted, and how long it takes, timed in turns."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from torch import Tensor, nn

from ..data import Splits, pixels
from ..errors import ModelError
from ..models import device_of
from ..models.onnx_network import require
from ..resources import WithResources
from ..results import CostRecord
from ..types import Progress
from ..values import Count, value
from .counting import bytes_on_disk, macs, nonzero, parameters
from .latency import latency
from .measure import Measure, Measurement, Subject

_FORMS = 3  # at most: dense, masked, shrunk
_AS_ALSO = {"sparse": 1, "onnx": 2, "int8": 2}  # more for each of these: ONNX Runtime runs the dense and the smallest


@value
class Cost(WithResources, Measure):
    """What a network costs: parameters, multiplications, bytes, and time beside its other forms."""

    timed: ClassVar[bool] = True
    kind: Literal["cost"] = "cost"
    batches: tuple[Count, ...] = (1, 128)
    """Batch sizes to time."""
    repeats: Count = 30
    """Rounds of timing for each batch size."""
    also: tuple[Literal["sparse", "onnx", "int8"], ...] = ()
    """Further forms to time in the same turns: with sparse layers where they are faster, and what ONNX Runtime makes of
    the dense and of the shrunk network in float32 (onnx) and in 8 bits (int8).
    """

    @property
    def revision(self) -> int:
        """2: bytes are those of the bundle, which holds no zeros."""
        return 2

    def __call__(self, models: Mapping[str, nn.Module], example: Tensor) -> list[CostRecord]:
        """Records of networks by form (dense, masked, shrunk); see `cost_records`."""
        return cost_records(models, example, batches=self.batches, repeats=self.repeats)

    def check(self, splits: Splits) -> None:
        """Raises ModelError where ONNX Runtime is wanted and not installed."""
        if "onnx" in self.also or "int8" in self.also:
            require()

    def effort(self, images: int) -> float:
        """Each form runs every batch once a round, whatever the number of test images."""
        forms = _FORMS + sum(_AS_ALSO[form] for form in self.also)
        return float(forms * self.repeats * sum(self.batches))

    def measure(self, subject: Subject, *, progress: Progress | None = None) -> Measurement:
        """A record for each form of the network, number and batch size."""
        if subject.forms is None:
            raise ModelError(
                "cost is that of a network's forms; give Subject(forms=...), or call Cost()(models, example)"
            )
        device = device_of(subject.model, subject.x.device)
        return Measurement(self(subject.forms(*self.also), pixels(subject.x[:2]).to(device)))


def cost_records(
    models: Mapping[str, nn.Module],
    example: Tensor,
    *,
    batches: Sequence[int] = (1, 128),
    repeats: int = 30,
    seconds: float = 10.0,
) -> list[CostRecord]:
    """Every cost of networks by form (dense, masked, shrunk), latency of all of them side by side.

    Args:
        models: networks by form, on the device of `example`.
        example: images, float32 (any, channels, height, width).
        batches: batch sizes to time; none to leave latency out.
        repeats: rounds of timing for each batch size.
        seconds: time after which rounds stop, for each batch size.
    Returns:
        Counts, which are exact, so that their low and high are None; and latency in milliseconds, with quartiles as low
        and high and rounds as n.
    """
    records = []
    for form, model in models.items():
        counts = [("bytes", bytes_on_disk(model), "bytes")]
        if parameters(model) > 0:  # what another runtime computes has none that could be counted
            counted = {"parameters": parameters(model), "nonzero": nonzero(model), "macs": macs(model, example)}
            counts = [*((metric, number, "count") for metric, number in counted.items()), *counts]
        records += [CostRecord(metric=metric, form=form, value=count, unit=unit) for metric, count, unit in counts]
    for took in latency(models, example, batches=batches, repeats=repeats, seconds=seconds):
        records.append(
            CostRecord(
                metric="latency",
                form=took.form,
                batch=took.batch,
                value=took.median * 1e3,
                low=took.low * 1e3,
                high=took.high * 1e3,
                unit="ms",
                n=took.n,
            )
        )
    return records
