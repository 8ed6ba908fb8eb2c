"""Which arithmetic an attack on a network is faster in."""

from torch import Tensor, nn

from ..speed.precision import Chosen, Precision, resolve
from .gradients import attacking, input_gradient


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
    with attacking(model, x) as forward:
        return resolve(
            precision,
            lambda: input_gradient(forward(leaf).float().sum(1), leaf),
            x.device,
            (type(model).__qualname__, shapes, tuple(x.shape)),
        )
