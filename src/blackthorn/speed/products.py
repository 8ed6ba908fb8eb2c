"""Convolutions as one product of matrices, where that is faster than a library's own loops on CPUs.

A kernel that covers all of its input is a linear layer. And the gradient of the input of a convolution with few input
channels, such as the first of a network, is a product followed by adding up what belongs to the same pixel: libraries
work on eight channels and more at a time, and an image has one or three.

Reference: Chellapilla et al. 2006, "High performance convolutional neural networks for document processing" (products
of unfolded images).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_FILTERS = 16
"""Output channels for each input channel from which the product pays; measured by benchmarks/input_gradient.py."""
FEW = 4
"""Input channels, at most: those of images."""
_PIECE = 2**22
"""Numbers that the product may give at a time, 16 MiB in float32: images are taken in as many pieces as that needs."""


def as_product(conv: nn.Conv2d, x: Tensor, *, input_gradient: bool) -> Tensor | None:
    """The convolution of `x` by a product, there or back; None where torch's own way is as good.

    Args:
        conv: without groups, dilation and padding other than zeros.
        x: images, (batch, channels, height, width).
        input_gradient: whether `x` will be asked for its gradient, and the weights will not.
    """
    if x.dim() != 4 or x.dtype != conv.weight.dtype or x.dtype not in (torch.float32, torch.float64):
        return None
    if tuple(x.shape[2:]) == conv.kernel_size and conv.padding == (0, 0) and len(x):
        flat = _last_flat if conv.weight.is_contiguous(memory_format=torch.channels_last) else _flat
        return F.linear(flat(x), flat(conv.weight), conv.bias)[:, :, None, None]
    few = conv.in_channels <= FEW and conv.out_channels >= _FILTERS * conv.in_channels
    if input_gradient and few and conv.kernel_size != (1, 1):
        return _Folded.apply(x, conv.weight, conv.bias, conv.stride, conv.padding)  # type: ignore[no-untyped-call, no-any-return]
    return None


def _flat(images: Tensor) -> Tensor:
    return images.flatten(1)


def _last_flat(images: Tensor) -> Tensor:
    """No copy, of what lies channels last."""
    return images.permute(0, 2, 3, 1).flatten(1)


class _Folded(torch.autograd.Function):
    """A convolution whose input gradient is a product, folded."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: tuple[int, int], padding: tuple[int, int]
    ) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.stride, ctx.padding, ctx.size = stride, padding, x.shape[2:]
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        back = weight.flatten(1).T
        images = max(1, _PIECE // (len(back) * grad.shape[2] * grad.shape[3]))
        folded = [
            F.fold(back @ some.flatten(2), ctx.size, weight.shape[2:], padding=ctx.padding, stride=ctx.stride)
            for some in grad.split(images)  # type: ignore[no-untyped-call]
        ]
        return folded[0] if len(folded) == 1 else torch.cat(folded), None, None, None, None
