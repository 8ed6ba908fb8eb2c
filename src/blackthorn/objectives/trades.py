"""TRADES: cross-entropy on clean images, and how far an attack can move the prediction away from what it is there.

Reference: Zhang et al. 2019, "Theoretically principled trade-off between robustness and accuracy", and its code.
"""

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..attacks.ball import Ball
from ..attacks.gradients import attacking, input_gradient
from ..speed.whole_batch import drawn, room
from ..values import Count, NonNegative, Positive, Radius, check_radius, value
from .loss import Loss
from .standard import share_right

_START = 1e-3  # deviation of the Gaussian start, as in the authors' code: at the image itself the gradient is zero


@value
class Trades:
    """Cross-entropy on clean images plus `beta` times the divergence between the predictions at both images.

    The divergence is KL(softmax f(x) || softmax f(x~)), averaged over the batch; gradients flow through both. The
    adversarial image is sought by sign steps up the same divergence, with the network in eval mode. The update sees it
    in train mode; clean and adversarial images pass through the network separately.

    The paper's settings are `eps: 0.3, step_size: 0.01, steps: 40, beta: 1` for MNIST, and `eps: 0.031,
    step_size: 0.007, steps: 10, beta: 6` for CIFAR-10.

    Reference: Zhang et al. 2019, eq. 5 and algorithm 1; start and step as in the authors' code.
    """

    kind: Literal["trades"] = "trades"
    revision: ClassVar[int] = 1
    eps: Radius
    """Radius of the linf ball, in pixels of [0, 1]."""
    steps: Count = 10
    """Sign steps of the inner search."""
    step_size: Positive | None = None
    """Length of a step; by default 2.5 * eps / steps, at most eps."""
    beta: NonNegative = 6.0
    """Weight of the divergence (the paper's 1/lambda)."""

    def __post_init__(self) -> None:
        check_radius(self.eps)

    @property
    def passes(self) -> float:
        """Forward and backward passes of one image in a training step."""
        return 7.0 + 2.0 * self.steps

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Loss:
        """Loss at images `x` (batch, channels, height, width) in [0, 1] with labels `y` (batch,)."""
        x_adv = self.perturb(model, x)
        logits = model(x).float()
        moved = model(x_adv).float()
        natural = F.cross_entropy(logits, y)
        apart = divergence(logits, moved).mean()
        parts = {
            "loss": natural.detach(),
            "accuracy": share_right(logits, y),
            "divergence": apart.detach(),
            "adversarial_accuracy": share_right(moved, y),
        }
        return Loss(natural + self.beta * apart, parts)

    def perturb(self, model: nn.Module, x: Tensor) -> Tensor:
        """The adversarial images of one training step; nothing is asked about labels."""
        ball = Ball("linf", self.eps)
        length = self.step_size if self.step_size is not None else min(self.eps, 2.5 * self.eps / self.steps)
        with attacking(model, x) as forward:
            with torch.no_grad():
                logits: Tensor = forward(x)
            x_adv = x + _START * drawn(lambda images: room(x, images).normal_(), len(x))
            for _ in range(self.steps):
                leaf = x_adv.detach().requires_grad_()
                gradient = input_gradient(divergence(logits, forward(leaf)), leaf)
                x_adv = ball.project(leaf.detach() + length * gradient.sign(), x)
        return x_adv.detach()


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """KL(softmax(logits) || softmax(others)) of each image, in nats, shape (batch,); at least 0 up to rounding."""
    log_p, log_q = logits.float().log_softmax(1), others.float().log_softmax(1)
    return (log_p.exp() * (log_p - log_q)).sum(1)
