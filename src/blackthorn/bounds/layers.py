"""Layers as steps: what a rule puts for a call, once it has read the call's options."""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .affine import Affine
from .call import Call
from .joints import Reshape
from .maps import Average, Convolution, Dense, Scale
from .operation import Operation
from .piecewise import MaxPool


def dense(call: Call, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> None:
    if len(call.into) != 1:
        raise call.refuse(f"on inputs of shape {call.into} has no bounds; flatten them first")
    call.put(Affine(Dense(weight.to(dtype)), None if bias is None else bias.to(dtype)[None]), shape=call.out)


CONVOLUTION: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}


def convolve(call: Call, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, **options: Any) -> None:
    if len(call.into) != weight.dim() - 1 or weight.dim() not in (3, 4):
        raise call.refuse(f"on inputs of shape {call.into} has no bounds")
    flat = weight.dim() == 3
    weight = (weight[:, :, None] if flat else weight).to(dtype)
    stride, dilation = pair(options["stride"], flat, 1), pair(options["dilation"], flat, 1)
    if options["padding"] == "same":
        total = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:])]
        (top, bottom), (left, right) = ((one // 2, one - one // 2) for one in total)
    else:
        top, left = pair(0 if options["padding"] == "valid" else options["padding"], flat, 0)
        bottom, right = top, left
    shift = None if bias is None else bias.to(dtype).reshape(1, -1, 1, 1)

    def made(into: tuple[int, ...]) -> Affine:
        sizes = into[0], into[1], into[2]
        convolved = Convolution(weight, sizes, stride, (left, right, top, bottom), dilation, options["groups"])
        return Affine(convolved, shift)

    in_two_axes(call, made)


def normalise(
    call: Call,
    mean: Tensor,
    variance: Tensor,
    gain: Tensor | None,
    shift: Tensor | None,
    eps: float,
    dtype: torch.dtype,
) -> None:
    """(x - mean) / sqrt(variance + eps) * gain + shift as one factor and one constant for each channel."""
    shape = (1, -1, *[1] * (len(call.into) - 1))
    factor = 1 / (variance.double() + eps).sqrt()
    factor = factor if gain is None else factor * gain.double()
    moved = -mean.double() * factor
    size = moved.abs()
    if shift is not None:
        moved, size = moved + shift.double(), size + shift.double().abs()
    moved, size = moved.to(dtype).reshape(shape), size.to(dtype).reshape(shape)
    call.put(Affine(Scale(factor.to(dtype).reshape(shape), run_terms=8), moved, size), shape=call.out)


def largest(call: Call, given: Any) -> None:
    if given.get("return_indices") or len(call.into) not in (2, 3):
        raise call.refuse("with return_indices, or on such a shape, has no bounds")
    flat = len(call.into) == 2
    kernel = pair(given["kernel_size"], flat, 1)
    stride = kernel if not given["stride"] else pair(given["stride"], flat, 1)
    padding, dilation = pair(given["padding"] or 0, flat, 0), pair(given["dilation"] or 1, flat, 1)
    ceil = bool(given["ceil_mode"])
    in_two_axes(call, lambda into: MaxPool(kernel, stride, padding, dilation, ceil, (into[0], into[1], into[2])))


def average(call: Call, given: Any) -> None:
    if given.get("divisor_override") is not None or len(call.into) not in (2, 3):
        raise call.refuse("with divisor_override, or on such a shape, has no bounds")
    flat = len(call.into) == 2
    kernel = pair(given["kernel_size"], flat, 1)
    stride = kernel if not given["stride"] else pair(given["stride"], flat, 1)
    counted = given["count_include_pad"] is None or bool(given["count_include_pad"])
    by = Windows(kernel, stride, pair(given["padding"] or 0, flat, 0), bool(given["ceil_mode"]), counted)
    terms = math.prod(kernel)
    in_two_axes(call, lambda into: Affine(Average(by, into, terms, terms)))


class Adaptive:
    """Averages over windows that make outputs of a given size."""

    def __init__(self, height: int, width: int) -> None:
        self.size = height, width

    def __call__(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(x, self.size)


class Windows:
    """Averages over windows of a given size."""

    def __init__(self, *options: Any) -> None:
        self.options = options

    def __call__(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, *self.options)


def in_two_axes(call: Call, made: Callable[[tuple[int, ...]], Operation]) -> None:
    """Put an operation on images; what has one axis of places gets a second of size 1 for it."""
    if len(call.into) == 3:
        call.put(made(call.into), shape=call.out)
        return
    into, out = (call.into[0], 1, call.into[1]), (call.out[0], 1, call.out[1])
    call.put(Reshape(call.into, into), shape=into)
    call.put(made(into), shape=out)
    call.put(Reshape(out, call.out), shape=call.out)


def pair(option: Any, flat: bool, unused: int) -> tuple[int, int]:
    """An option of a layer for height and width; of a layer with one axis, for width."""
    numbers = tuple(option) if isinstance(option, (list, tuple)) else (option,) * (1 if flat else 2)
    if flat:
        return unused, int(numbers[0])
    return int(numbers[0]), int(numbers[-1])
