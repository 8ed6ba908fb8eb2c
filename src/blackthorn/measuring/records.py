"""Costs as the flat JSON objects that results are stored as."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal

from torch import Tensor, nn

from ..results import CostRecord
from ..types import Progress
from ..values import Count, parse, value
from .accuracy import pixels
from .cost import bytes_on_disk, macs, nonzero, parameters
from .latency import latency
from .measure import Measure, Measurement, Subject


@value
class Cost(Measure):
    """What a network costs: parameters, multiplications, bytes, and time beside its other forms."""

    kind: Literal["cost"] = "cost"
    timed: ClassVar[bool] = True
    batches: tuple[Count, ...] = (1, 128)
    """Batch sizes to time."""
    repeats: Count = 30
    """Rounds of timing for each batch size."""

    def effort(self, images: int) -> float:
        """In up to three forms; how many test images there are does not matter."""
        return 3.0 * self.repeats * sum(self.batches)

    def measure(self, subject: Subject, *, progress: Progress | None = None) -> Measurement:
        """Measure every form of the network."""
        assert subject.forms is not None
        device = next((tensor.device for tensor in subject.model.parameters()), subject.x.device)
        example = pixels(subject.x[:2]).to(device)
        return Measurement([parse(CostRecord, record) for record in self(subject.forms(), example)])

    def __call__(self, models: Mapping[str, nn.Module], example: Tensor) -> list[dict[str, object]]:
        """Records of networks by form (dense, masked, shrunk); see `cost_records`."""
        return cost_records(models, example, batches=self.batches, repeats=self.repeats)


def cost_records(
    models: Mapping[str, nn.Module],
    example: Tensor,
    *,
    batches: Sequence[int] = (1, 128),
    repeats: int = 30,
    seconds: float = 10.0,
) -> list[dict[str, object]]:
    """Every cost of networks by form (dense, masked, shrunk), latency of all of them side by side.

    Args:
        models: networks by form, on the device of `example`.
        example: images, float32 (any, channels, height, width).
        batches: batch sizes to time; none to leave latency out.
        repeats: rounds of timing for each batch size.
        seconds: time after which rounds stop, for each batch size.
    Returns:
        Objects with measure, metric, form, batch, value, low, high, unit and n; counts are exact, so that low
        and high are None; latency is in milliseconds, with quartiles as low and high and rounds as n.
    """
    records = []
    for form, model in models.items():
        counts = {
            "parameters": (parameters(model), "count"),
            "nonzero": (nonzero(model), "count"),
            "macs": (macs(model, example), "count"),
            "bytes": (bytes_on_disk(model), "bytes"),
        }
        records += [_record(metric, form, count, unit) for metric, (count, unit) in counts.items()]
    for took in latency(models, example, batches=batches, repeats=repeats, seconds=seconds):
        times = {"value": took.median * 1e3, "low": took.low * 1e3, "high": took.high * 1e3}
        records.append({**_record("latency", took.form, 0, "ms"), **times, "batch": took.batch, "n": took.n})
    return records


def _record(metric: str, form: str, count: int, unit: str) -> dict[str, object]:
    return {
        "measure": "cost",
        "metric": metric,
        "form": form,
        "batch": None,
        "value": count,
        "low": None,
        "high": None,
        "unit": unit,
        "n": 1,
    }
