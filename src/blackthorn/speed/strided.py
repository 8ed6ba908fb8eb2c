"""Strided convolutions by phases: another way back to the image, for weights that stand still.

A convolution with stride s is a stride-1 convolution of the image taken apart into its s*s phases (the pixels whose
row and column leave the same remainders modulo s, each phase a channel of its own). Two convolutions in a row may
pass the phases on, so that nothing is put together between them. Only rounding differs.

Reference: Shi et al. 2016, "Is the deconvolution layer the same as a convolutional layer?".
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Forward = Callable[[Tensor], Tensor]


def phased(model: nn.Module, convs: list[nn.Conv2d]) -> dict[nn.Conv2d, Forward]:
    """How those of the convolutions whose stride divides their kernel work on phases; for inputs that want gradients.

    Args:
        model: in which they lie.
        convs: without groups, dilation, hooks, and padding other than zeros.
    """
    able = [conv for conv in convs if _divides(conv)]
    chained = dict(_chains(model, able))
    return {conv: _forward_of(conv, chained.get(conv)) for conv in able}


def _divides(conv: nn.Conv2d) -> bool:
    """A kernel that the stride divides exactly: then no multiplication is wasted on padding.

    Measured at batch 250 (benchmarks/input_gradient.py) against torch's own backward pass, on a processor with bf16
    matrix units: 8x8 stride 2, 1 -> 32 channels, 3.7 times faster; 6x6 stride 2, 32 -> 64, 1.1 (bf16) to 1.6 times
    (float32); 3x3 stride 2 would be 1.1 to 1.4 times slower.
    """
    (k, k2), (s, s2) = conv.kernel_size, conv.stride
    return (
        k == k2 and s == s2 > 1 and k % s == 0 and k > s
    )  # 1 tap per phase is a plain scatter: the library's is as fast


def _chains(model: nn.Module, convs: list[nn.Conv2d]) -> Iterator[tuple[nn.Conv2d, nn.Conv2d]]:
    """Two of them with nothing but a ReLU between, in a plain sequence, where nobody else sees what lies between."""
    if type(model) is not nn.Sequential:
        return
    layers = list(model)
    for first, between, second in zip(layers, layers[1:], layers[2:]):
        watched = between._forward_hooks or between._forward_pre_hooks
        if type(between) is nn.ReLU and not watched and first in convs and second in convs:
            assert isinstance(first, nn.Conv2d) and isinstance(second, nn.Conv2d)
            if second.padding == (0, 0):
                yield first, second


def _forward_of(conv: nn.Conv2d, follower: nn.Conv2d | None) -> Forward:
    prepared: dict[tuple[torch.dtype, _Layout], tuple[Tensor, Tensor | None, Tensor]] = {}  # the weights stand still
    k = conv.kernel_size[0]

    def forward(x: Tensor) -> Tensor:
        taken = x.shape[1] != conv.in_channels  # taken apart already, by the convolution before
        layout = _Layout(k, conv.stride[0], conv.padding, taken, 1)  # type: ignore[arg-type]  # no padding by name here
        if follower is not None:
            sides = [(n + 2 * p - k) // layout.stride + 1 for n, p in zip(x.shape[2:], layout.padding)]
            apart = follower.stride[0]
            layout = layout._replace(apart=1 if any(side % apart for side in sides) else apart)
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else conv.weight.dtype
        if (dtype, layout) not in prepared:
            prepared[dtype, layout] = _prepared(conv, layout, dtype)
        out: Tensor = _StridedConv.apply(  # type: ignore[no-untyped-call]  # torch leaves it untyped
            x, *prepared[dtype, layout], layout
        )
        return out

    return forward


class _Layout(NamedTuple):
    """How images come in and go out."""

    kernel: int
    stride: int
    padding: tuple[int, int]
    taken: bool
    """They come taken apart into stride*stride phases."""
    apart: int
    """They go out taken apart into apart*apart phases."""

    @property
    def phases(self) -> int:
        """Rows of the image that one row of its phases stands for."""
        return self.stride * self.apart


def _prepared(conv: nn.Conv2d, layout: _Layout, dtype: torch.dtype) -> tuple[Tensor, Tensor | None, Tensor]:
    """Weight and bias of the way there, and the stride-1 weight of the way back."""
    weight = conv.weight.detach().to(dtype)
    bias = None if conv.bias is None else conv.bias.detach().to(dtype)
    phased = _phased(weight, layout)
    back = phased.transpose(0, 1).flip(2, 3).contiguous()
    if not layout.taken and layout.apart == 1:
        return weight, bias, back
    return phased, None if bias is None else bias.repeat_interleave(layout.apart**2), back


def _phased(weight: Tensor, layout: _Layout) -> Tensor:
    """The stride-1 kernel (out * apart**2, in * phases**2, taps, taps) from phases to phases."""
    k, phases = layout.kernel, layout.phases
    taps = -(-(layout.stride * (layout.apart - 1) + k) // phases)
    place = torch.zeros(layout.apart, k, phases, taps, dtype=weight.dtype)
    for phase in range(layout.apart):
        for i in range(k):
            row = layout.stride * phase + i
            place[phase, i, row % phases, row // phases] = 1
    spread = torch.einsum("ocij,aift,bjgu->oabcfgtu", weight, place, place)
    return spread.reshape(weight.shape[0] * layout.apart**2, -1, taps, taps)


class _StridedConv(torch.autograd.Function):
    """A strided convolution whose input gradient is a stride-1 convolution that gives the phases of the image."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, back: Tensor, layout: _Layout) -> Tensor:
        ctx.save_for_backward(back)
        ctx.layout, ctx.size, ctx.dtype = layout, x.shape[2:], x.dtype
        with torch.autocast("cpu", enabled=False):
            x = x.to(weight.dtype)
            if layout.taken:
                return F.conv2d(x, weight, bias)
            if layout.apart == 1:
                return F.conv2d(x, weight, bias, stride=layout.stride, padding=layout.padding)
            return F.conv2d(_taken_apart(x, weight.shape[2], layout), weight, bias)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (back,) = ctx.saved_tensors
        layout: _Layout = ctx.layout
        with torch.autocast("cpu", enabled=False):
            grads = F.conv2d(grad.to(back.dtype), back, padding=back.shape[2] - 1)
        grads = grads.to(ctx.dtype) if layout.taken else _put_together(grads, layout, ctx.size, ctx.dtype)
        return grads, None, None, None, None


def _taken_apart(x: Tensor, taps: int, layout: _Layout) -> Tensor:
    """The phases of padded images, as many rows of them as the windows read."""
    ends = []
    for side, padding in zip(x.shape[2:], layout.padding):
        windows = (side + 2 * padding - layout.kernel) // layout.stride + 1
        ends.append(layout.phases * (windows // layout.apart + taps - 1) - side - padding)
    (top, left), (bottom, right) = layout.padding, ends
    return F.pixel_unshuffle(F.pad(x, (left, right, top, bottom)), layout.phases)


def _put_together(grads: Tensor, layout: _Layout, size: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """Phases as an image without its padding. Strided writes are three times faster than pixel_shuffle."""
    s, (h, w) = layout.phases, size
    grads = grads.reshape(len(grads), -1, s, s, *grads.shape[2:])
    out = torch.empty(len(grads), grads.shape[1], h, w, dtype=dtype)
    if any(s * n < padding + side for n, padding, side in zip(grads.shape[4:], layout.padding, size)):
        out.zero_()  # rows that no window reaches have gradient zero
    for i, j in itertools.product(range(s), range(s)):
        # The first row of this phase that is not padding, and where it lies in the image
        top, left = (max(0, -((phase - padding) // s)) for phase, padding in zip((i, j), layout.padding))
        row, column = s * top + i - layout.padding[0], s * left + j - layout.padding[1]
        image = out[:, :, row::s, column::s]
        part = grads[:, :, i, j, top:, left:][:, :, : image.shape[2], : image.shape[3]]
        image[:, :, : part.shape[2], : part.shape[3]] = part
    return out
