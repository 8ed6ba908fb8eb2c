"""The inner loop every attack shares: gradients of a loss with respect to the images, and nothing else.

Inside `attacking(model)` the network is in eval mode, its parameters ask for no gradient, and large strided
convolutions send gradients back to their input through a faster formula. On leaving, everything is as it was.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.modes import eval_mode, frozen

Forward = Callable[[Tensor], Tensor]


@contextmanager
def attacking(model: nn.Module) -> Iterator[nn.Module]:
    """Lend out `model` for input gradients: eval mode, frozen parameters, fast backward; restored afterwards.

    The precision is that of the caller: wrap the whole in `torch.autocast` to search in bf16.
    """
    with eval_mode(model), frozen(model), torch.enable_grad(), _subpixel_backward(model):
        yield model


def input_gradient(climbed: Tensor, x: Tensor) -> Tensor:
    """Gradient with respect to `x` of what is climbed, one number for each image, shape (batch,)."""
    (gradient,) = torch.autograd.grad(climbed.sum(), x)
    return gradient


@contextmanager
def _subpixel_backward(model: nn.Module) -> Iterator[None]:
    patched = [m for m in model.modules() if type(m) is nn.Conv2d and _suits_subpixel(m)]
    for conv in patched:
        # An attribute of the instance hides the method of the class; deleting it shows the method again.
        conv.forward = _forward_of(conv)  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        for conv in patched:
            del conv.forward


def _suits_subpixel(conv: nn.Conv2d) -> bool:
    """On CPUs, a kernel that the stride divides exactly: then no multiplication is wasted on padding.

    Measured at batch 250 (benchmarks/input_gradient.py) against torch's own backward pass: 8x8 stride 2, 1 -> 32
    channels, 3.7 times faster; 6x6 stride 2, 32 -> 64, 1.1 (bf16) to 1.6 times (float32); 3x3 stride 2 would be 1.1 to
    1.4 times slower.
    """
    (k, k2), (s, s2) = conv.kernel_size, conv.stride
    return (
        k == k2
        and s == s2 > 1
        and k % s == 0
        and k > s  # 1 tap per phase is a plain scatter, at which the library is as fast
        and conv.groups == 1
        and conv.dilation == (1, 1)
        and conv.padding_mode == "zeros"
        and not isinstance(conv.padding, str)
        and conv.weight.device.type == "cpu"
        and not conv._forward_hooks
        and not conv._forward_pre_hooks
        and "forward" not in vars(conv)  # somebody else's, or ours from an outer `attacking`
    )


def _forward_of(conv: nn.Conv2d) -> Forward:
    prepared: dict[torch.dtype, tuple[Tensor, Tensor | None, Tensor]] = {}  # weights stand still inside `attacking`

    def forward(x: Tensor) -> Tensor:
        if conv.weight.requires_grad or not x.requires_grad:
            return nn.Conv2d.forward(conv, x)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else conv.weight.dtype
        if dtype not in prepared:
            weight = conv.weight.detach().to(dtype)
            bias = None if conv.bias is None else conv.bias.detach().to(dtype)
            prepared[dtype] = weight, bias, _phases(weight, conv.stride[0])
        out: Tensor = _SubpixelConv.apply(  # type: ignore[no-untyped-call]  # torch leaves it untyped
            x, *prepared[dtype], conv.stride[0], conv.padding
        )
        return out

    return forward


def _phases(weight: Tensor, s: int) -> Tensor:
    """The stride-1 kernel that gives all s*s phases of the input gradient, one output channel for each."""
    out_channels, in_channels, k, _ = weight.shape
    taps = k // s
    phases = weight.reshape(out_channels, in_channels, taps, s, taps, s).permute(1, 3, 5, 0, 2, 4).flip(4, 5)
    return phases.reshape(in_channels * s * s, out_channels, taps, taps)


class _SubpixelConv(torch.autograd.Function):
    """A strided convolution whose input gradient is a stride-1 convolution whose results are interleaved.

    The input gradient of a convolution with stride s is s*s interleaved stride-1 convolutions of the output
    gradient, one for each phase of the input position modulo s.

    Reference: Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?".
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        phases: Tensor,
        stride: int,
        padding: tuple[int, int],
    ) -> Tensor:
        ctx.save_for_backward(phases)
        ctx.stride, ctx.padding, ctx.size, ctx.dtype = stride, padding, x.shape[2:], x.dtype
        with torch.autocast("cpu", enabled=False):
            return F.conv2d(x.to(weight.dtype), weight, bias, stride=stride, padding=padding)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (phases,) = ctx.saved_tensors
        s, padding, (h, w) = ctx.stride, ctx.padding, ctx.size
        with torch.autocast("cpu", enabled=False):
            grads = F.conv2d(grad.to(phases.dtype), phases, padding=phases.shape[2] - 1)
        grads = grads.unflatten(1, (-1, s, s))
        # Rows of the padded input that no window reaches have gradient zero.
        whole = all(s * n >= p + side for n, p, side in zip(grads.shape[4:], padding, (h, w)))
        make = torch.empty if whole else torch.zeros
        out = make(len(grad), grads.shape[1], h, w, dtype=ctx.dtype)
        for i in range(s):  # three times faster than pixel_shuffle, and no copy to crop what was padding
            for j in range(s):
                (top, row, rows), (left, column, columns) = (
                    _taken(phase, s, p, side) for phase, p, side in zip((i, j), padding, (h, w))
                )
                part = grads[:, :, i, j, top:, left:][:, :, : rows, : columns]
                out[:, :, row : row + s * part.shape[2] : s, column : column + s * part.shape[3] : s] = part
        return out, None, None, None, None, None


def _taken(phase: int, s: int, padding: int, side: int) -> tuple[int, int, int]:
    """Which rows of a phase lie in the image: the first of them, its row in the image, and how many fit there."""
    first = max(0, -((phase - padding) // s))
    row = s * first + phase - padding
    return first, row, -(-(side - row) // s)
