"""Exporting a network for ONNX Runtime, which from then on computes what is measured and attacked."""

from typing import Literal

from ..data import Splits
from ..deploy import export
from ..measuring.images import evenly
from ..models.onnx_network import require
from ..resources import WithResources
from ..values import Count, value
from .stage import Decider, Form, Task, Work

RUNTIMES: tuple[Literal["onnx", "int8"], ...] = ("onnx", "int8")
"""The forms that ONNX Runtime computes; no step goes on from one."""


@value
class Export(WithResources, Task):
    """Write the network as an ONNX file, verified in ONNX Runtime, and measure that file from then on."""

    kind: Literal["export"] = "export"
    format: Literal["onnx", "int8"] = "onnx"
    """onnx: float32, with the logits of the network. int8: weights and activations in 8 bits."""
    calibrate: Count = 256
    """How many training images, evenly spread, say which range int8 must cover; a float32 file is verified on them."""

    @property
    def form(self) -> Form:
        """Its costs stand under the format."""
        return self.format

    def decided_by(self) -> frozenset[Decider]:
        """The images that calibrate."""
        return frozenset({"images"})

    def check(self, splits: Splits) -> None:
        """Raises ModelError where ONNX Runtime is not installed."""
        require()

    def effort(self, splits: Splits) -> float:
        """The images run in the network, in the file, and in calibration."""
        return 4.0 * min(self.calibrate, len(splits.train))

    def label(self) -> str:
        """With the format."""
        return f"export {self.format}"

    def run(self, work: Work) -> None:
        """Keep the network, and the file beside it.

        Raises:
            ModelError: it cannot be exported, or the file gives other logits.
        """
        bundle, train = work.parent(), work.splits.train
        images = train.x[evenly(len(train), self.calibrate)]
        done = export(bundle.model, work.folder, [self.format], images=images, calibrate=images)
        said = {"decided_alike": done.files[0].agreement.decisions, "made_plain": list(done.changed)}
        work.keep(bundle.model, bundle.masks, {**bundle.about, **said})
