"""The inner loop every attack shares: gradients of a loss with respect to the images, and nothing else.

Inside `attacking(model)` the network is in eval mode, its parameters ask for no gradient, and convolutions are computed
in the fastest of several ways (speed/convolutions.py). On leaving, everything is as it was.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import Tensor, nn

from ..models.layout import channels_last
from ..models.modes import eval_mode, frozen
from ..speed.convolutions import fast_convolutions

Forward = Callable[[Tensor], Tensor]


@contextmanager
def attacking(model: nn.Module, x: Tensor | None = None) -> Iterator[nn.Module]:
    """Lend out `model` for input gradients: eval mode, frozen parameters, fast convolutions; restored afterwards.

    The precision is that of the caller: wrap the whole in `torch.autocast` to search in bf16.

    Args:
        model: any network.
        x: images that it takes; with them its convolutions are also put in the order of models/layout.py.
    """
    ordered = nullcontext() if x is None else channels_last(model, x)
    with eval_mode(model), frozen(model), torch.enable_grad(), ordered, fast_convolutions(model):
        yield model


def input_gradient(climbed: Tensor, x: Tensor) -> Tensor:
    """Gradient with respect to `x` of what is climbed, one number for each image, shape (batch,)."""
    (gradient,) = torch.autograd.grad(climbed.sum(), x)
    return gradient
