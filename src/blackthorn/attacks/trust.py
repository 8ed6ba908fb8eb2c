"""Signs that gradients say nothing: an attack that finds none to follow reports a network as robust that is not."""

import torch
from torch import Tensor, nn

from .gradients import attacking, input_gradient
from .losses import LOSSES, LossName, margin

# exp(-87.3) is the smallest normal float32: behind a lead of more than that, softmax is exactly one-hot.
_SATURATED_LEAD = 87.3


def zero_gradient_fraction(model: nn.Module, x: Tensor, y: Tensor, *, loss: LossName = "ce") -> float:
    """Share of correctly classified images at which the gradient of the loss is exactly zero in float32."""
    return _examine(model, x, y, loss)[0]


def saturated_fraction(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of correctly classified images whose softmax is one-hot in float32: a lead of more than 87 over every
    other logit.
    """
    return _examine(model, x, y, "ce")[1]


def _examine(model: nn.Module, x: Tensor, y: Tensor, loss: LossName) -> tuple[float, float]:
    leaf = x.detach().requires_grad_()
    with torch.autocast(x.device.type, enabled=False), attacking(model) as forward:
        logits = forward(leaf)
        gradient = input_gradient(LOSSES[loss](logits, y), leaf)
    logits = logits.detach()
    right = logits.argmax(1) == y
    if not right.any():
        return 0.0, 0.0
    zero = gradient[right].flatten(1).abs().amax(1) == 0
    saturated = -margin(logits[right], y[right]) > _SATURATED_LEAD
    return zero.float().mean().item(), saturated.float().mean().item()
