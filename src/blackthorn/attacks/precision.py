"""Which arithmetic an attack on a network is faster in, of those that can tell its classes apart."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..speed.precision import Chosen, Precision, arithmetic, resolve
from .gradients import attacking, input_gradient

_LOOKED_AT = 64  # images
_LOST = 0.1  # of a lead; rounding to the eight bits of bf16 costs networks as trained 0.01 or so


def resolve_for(precision: Precision, model: nn.Module, x: Tensor) -> Chosen:
    """What `auto` stands for, by timing input gradients of `model` at `x`; anything else is returned as it is.

    Networks of the same shape at the same batch size are timed once on a machine, see `speed.precision.resolve`. Where
    bf16 loses by how much classes lead, such as with logits that are all large, it is float32, however fast bf16 is.
    """
    if precision != "auto":
        return precision
    if not len(x):
        return "float32"  # there is nothing to time
    shapes = tuple(tuple(p.shape) for p in model.parameters())
    leaf = x.detach().requires_grad_()
    with attacking(model, x) as forward:
        chosen = resolve(
            precision,
            lambda: input_gradient(forward(leaf).float().sum(1), leaf),
            x.device,
            (type(model).__qualname__, shapes, tuple(x.shape)),
        )
        return chosen if chosen == "float32" or _keeps_leads(forward, x.detach()[:_LOOKED_AT]) else "float32"


def _keeps_leads(forward: Callable[[Tensor], Tensor], x: Tensor) -> bool:
    """Whether the lead of the first class over the second is much the same in bf16, for the median image."""
    with torch.no_grad():
        exact = forward(x).float()
        with arithmetic("bf16", x.device):
            coarse = forward(x).float()
    first, second = exact.topk(2, 1).indices.unbind(1) if exact.shape[1] > 1 else (None, None)
    if first is None or second is None:
        return True
    lead, kept = (
        (one.gather(1, first[:, None]) - one.gather(1, second[:, None])).squeeze(1) for one in (exact, coarse)
    )
    return bool((kept - lead).abs().median() <= _LOST * lead.median())
