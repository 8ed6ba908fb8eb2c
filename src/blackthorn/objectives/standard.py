"""Objectives on clean images: softmax cross-entropy, and the PARANA blog's linear-quadratic cost.

L2 regularisation is the optimiser's `weight_decay`: coupled decay w adds w/2 * ||p||^2 to the objective.
"""

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..values import value
from .loss import Loss


@value
class CrossEntropy:
    """Softmax cross-entropy, averaged over the batch."""

    kind: Literal["cross_entropy"] = "cross_entropy"
    revision: ClassVar[int] = 1
    """Raised when a correction changes what is minimised: networks are then trained anew."""
    passes: ClassVar[float] = 3.0
    """Forward and backward passes of one image in a training step."""

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Loss:
        """Loss at images `x` (batch, channels, height, width) in [0, 1] with labels `y` (batch,)."""
        logits = model(x).float()
        total = F.cross_entropy(logits, y)
        return Loss(total, {"loss": total.detach(), "accuracy": share_right(logits, y)})


@value
class LinearQuadratic:
    """Half the squared distance of the outputs to the one-hot label, averaged over batch and classes; no softmax.

    Reference: the PARANA blog, "Pruning, cost functions and adversarial noise"; its code averages over the classes too.
    """

    kind: Literal["linear_quadratic"] = "linear_quadratic"
    revision: ClassVar[int] = 1
    """Raised when a correction changes what is minimised: networks are then trained anew."""
    passes: ClassVar[float] = 3.0
    output_activation: Literal["none", "relu", "softmax"] = "none"
    """Applied to the outputs before the cost. The blog's text says none; the notebook behind its headline table
    uses relu.
    """

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Loss:
        """Loss at images `x` (batch, channels, height, width) in [0, 1] with labels `y` (batch,)."""
        outputs = model(x).float()
        if self.output_activation == "relu":
            outputs = outputs.relu()
        elif self.output_activation == "softmax":
            outputs = outputs.softmax(1)
        target = F.one_hot(y, outputs.shape[1]).float()
        total = 0.5 * F.mse_loss(outputs, target)
        return Loss(total, {"loss": total.detach(), "accuracy": share_right(outputs, y)})


def share_right(logits: Tensor, y: Tensor) -> Tensor:
    """Accuracy of the batch as a detached scalar."""
    with torch.no_grad():
        return (logits.argmax(1) == y).float().mean()
