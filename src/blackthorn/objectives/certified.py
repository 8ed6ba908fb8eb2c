"""Training for provable robustness: the loss of the worst logits that intervals leave possible.

Reference: Gowal et al. 2018, On the Effectiveness of Interval Bound Propagation for Training Verifiably Robust Models.
"""

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ..bounds.interval import guiding
from ..values import Radius, Rate, check_radius, value
from .adversarial import Adversarial
from .loss import Loss
from .standard import CrossEntropy, LinearQuadratic


@value
class IntervalBound:
    """Another loss, mixed with cross-entropy of the worst logits that each image's linf ball may have by intervals.

    The bounds see the network in eval mode (running statistics, no dropout); the other loss sees it in train mode.

    Intervals are wide on a network that was not trained for them. From first weights and at the full radius the bound
    drowns the other loss, and training ends at chance (measured: eps 0.1 on MNIST, a small convolutional network).
    Gowal et al. let the radius grow over the run. Here that is written as steps of training: `cross_entropy` first,
    then this objective with a small `eps`, then with larger ones.
    """

    kind: Literal["interval_bound"] = "interval_bound"
    eps: Radius
    """Radius of the linf ball, in pixels of [0, 1]."""
    kappa: Rate = 0.5
    """Weight of the other loss; the bound has 1 - kappa. Gowal et al. go from 1 to 0.5."""
    on: Annotated[CrossEntropy | LinearQuadratic | Adversarial, Field(discriminator="kind")] = CrossEntropy()
    """The other loss: on clean images by default; with `adversarial`, a proof is mixed into adversarial training."""

    def __post_init__(self) -> None:
        check_radius(self.eps)

    @property
    def revision(self) -> int:
        """That of the other loss."""
        return self.on.revision

    @property
    def passes(self) -> float:
        """Forward and backward passes of one image in a training step; intervals cost two forward passes and back."""
        return self.on.passes + 6.0

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Loss:
        """Loss at images `x` (batch, channels, height, width) in [0, 1] with labels `y` (batch,).

        Raises:
            ModelError: an operation that has no bounds, by name.
        """
        other = self.on(model, x, y)
        with torch.autocast(x.device.type, enabled=False):
            margins = guiding(model, x, y, self.eps)
            bound = F.cross_entropy(-margins, y)
        proved = (margins.scatter(1, y[:, None], torch.inf) > 0).all(1).float().mean().detach()
        total = self.kappa * other.total + (1 - self.kappa) * bound
        return Loss(total, {**other.parts, "bound": bound.detach(), "proved": proved})
