"""Which arithmetic an attack on a network is faster in, and whether it can tell the network's classes apart."""

import torch
from torch import Tensor, nn

from ..speed.precision import Chosen, Precision, arithmetic, resolve
from .gradients import attacking, input_gradient

_LOOKED_AT = 64  # images
_LOST = 0.1  # of a lead; rounding to the eight bits of bf16 costs trained networks about 0.01


def resolve_for(precision: Precision, model: nn.Module, x: Tensor) -> Chosen:
    """What `auto` stands for, by timing input gradients of `model` at `x`; anything else is returned as it is.

    Networks of the same shape at the same batch size are timed once on a machine, see `speed.precision.resolve`.
    """
    if precision != "auto":
        return precision
    if not len(x):
        return "float32"  # there is nothing to time
    shapes = tuple(tuple(p.shape) for p in model.parameters())
    leaf = x.detach().requires_grad_()

    def gradient() -> None:
        with attacking(model, x) as forward:  # here, since each arithmetic has its own fast convolutions
            input_gradient(forward(leaf).float().sum(1), leaf)

    return resolve(precision, gradient, x.device, (type(model).__qualname__, shapes, tuple(x.shape)))


def bf16_tells_apart(model: nn.Module, x: Tensor) -> bool:
    """Whether in bf16 the first class leads the second as in float32, on the median image.

    It does not where all logits are large, and lie close together.
    """
    x = x.detach()[:_LOOKED_AT]
    with torch.no_grad():
        with torch.autocast(x.device.type, enabled=False):
            exact = model(x).float()
        with arithmetic("bf16", x.device):
            coarse = model(x).float()
    ahead = exact.topk(2, 1).indices
    lead, kept = (logits.gather(1, ahead).diff(dim=1).abs() for logits in (exact, coarse))
    return bool((kept - lead).abs().median() <= _LOST * lead.median())
