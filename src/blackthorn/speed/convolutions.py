"""Convolutions that stand still, each computed in the way that is fastest there and back on CPUs.

There are three ways besides torch's own: as one product of matrices (products.py), by phases (strided.py), and phases
handed on from one convolution to the next. Only rounding differs. benchmarks/input_gradient.py measured where each
pays.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from .products import as_product
from .strided import phased

Forward = Callable[[Tensor], Tensor]


@contextmanager
def fast_convolutions(model: nn.Module) -> Iterator[None]:
    """Let the convolutions of `model` that gain by it work in another way; restored afterwards."""
    convs = [m for m in model.modules() if type(m) is nn.Conv2d and _plain(m)]
    phases = phased(model, convs)
    for conv in convs:
        # An attribute of the instance hides the method of the class; deleting it shows the method again.
        conv.forward = _forward_of(conv, phases.get(conv))  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        for conv in convs:
            del conv.forward


def takes_phases(model: nn.Module) -> bool:
    """Whether some convolution of `model` works on phases in the arithmetic of this moment."""
    convs = [m for m in model.modules() if type(m) is nn.Conv2d and _plain(m)]
    return any(_dtype(conv) == torch.bfloat16 for conv in phased(model, convs))


def _dtype(conv: nn.Conv2d) -> torch.dtype:
    """What the convolution is computed in. Phases pay in bf16 alone: in float32 torch's own ways are as fast or faster,
    with AVX-512 as with AVX2, since freed memory is kept (benchmarks/input_gradient.py)."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else conv.weight.dtype


def _plain(conv: nn.Conv2d) -> bool:
    return (
        conv.groups == 1
        and conv.dilation == (1, 1)
        and conv.padding_mode == "zeros"
        and not isinstance(conv.padding, str)
        and conv.weight.device.type == "cpu"
        and not conv._forward_hooks
        and not conv._forward_pre_hooks
        and "forward" not in vars(conv)  # somebody else's, or ours from an outer `attacking`
    )


def _forward_of(conv: nn.Conv2d, phases: Forward | None) -> Forward:
    def forward(x: Tensor) -> Tensor:
        taken = x.shape[1] != conv.in_channels  # taken apart already, by the convolution before
        stands_still = x.requires_grad and not conv.weight.requires_grad
        if phases is not None and (taken or (stands_still and _dtype(conv) == torch.bfloat16)):
            return phases(x)
        mixed = torch.is_autocast_enabled("cpu")
        found = None if mixed else as_product(conv, x, input_gradient=stands_still)
        return nn.Conv2d.forward(conv, x) if found is None else found

    return forward
