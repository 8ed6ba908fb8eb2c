"""Convolutions that stand still, each computed in the way that is fastest there and back on CPUs.

There are three ways besides torch's own: as one product of matrices (products.py), by phases (strided.py), and phases
handed on from one convolution to the next. Only rounding differs. benchmarks/input_gradient.py measured where each
pays.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from .products import FEW, as_product
from .strided import phased

Forward = Callable[[Tensor], Tensor]


@contextmanager
def fast_convolutions(model: nn.Module) -> Iterator[None]:
    """Let the convolutions of `model` that gain by it work in another way; restored afterwards."""
    convs, phases = _plain_ones(model), _on_phases(model)
    for conv in convs:
        # An attribute of the instance hides the method of the class; deleting it shows the method again.
        conv.forward = _forward_of(conv, phases.get(conv))  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        for conv in convs:
            del conv.forward


def takes_phases(model: nn.Module) -> bool:
    """Whether a convolution of many channels works on phases in the arithmetic of this moment, or every convolution."""
    found = _on_phases(model)
    every = all(module in found for module in model.modules() if isinstance(module, nn.Conv2d))
    return any(conv.in_channels > FEW for conv in found) or bool(found and every)


def _on_phases(model: nn.Module) -> dict[nn.Conv2d, Forward]:
    return phased(model, [conv for conv in _plain_ones(model) if _phases_pay(conv)])


def _phases_pay(conv: nn.Conv2d) -> bool:
    """In bf16, and in float32 for images: of many channels torch is as fast there, since freed memory is kept."""
    mixed = torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu") if mixed else conv.weight.dtype
    return dtype == torch.bfloat16 or conv.in_channels <= FEW


def _plain_ones(model: nn.Module) -> list[nn.Conv2d]:
    return [module for module in model.modules() if type(module) is nn.Conv2d and _plain(module)]


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
        stands_still = x.requires_grad and not conv.weight.requires_grad
        if phases is not None and x.shape[1] != conv.in_channels:
            return phases(x)  # taken apart already, by the convolution before
        mixed = torch.is_autocast_enabled("cpu")
        found = None if mixed else as_product(conv, x, input_gradient=stands_still)
        if found is not None:
            return found
        return phases(x) if phases is not None and stands_still else nn.Conv2d.forward(conv, x)

    return forward
