"""Steps that are linear piece by piece: ReLU between two lines, max pooling between one input and a constant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from .boxes import Box
from .rounding import Rounding
from .rows import Rows, weigh


@dataclass(frozen=True)
class Relu:
    """`max(x, 0)`."""

    mixes: ClassVar[bool] = True

    def interval(self, boxes: Sequence[Box], rounding: Rounding) -> Box:
        """Ends go to ends; nothing is rounded."""
        del rounding
        (box,) = boxes
        return Box(box.low.clamp_min(0), box.high.clamp_min(0))

    def gains_from(self, box: Box) -> Tensor:
        """Where the sign is open."""
        return (box.low < 0) & (box.high > 0)

    def relax(self, boxes: Sequence[Box], rounding: Rounding) -> "RelaxedRelu":
        """Above, the line through both ends; below, 0 or x, whichever leaves less between the two lines.

        Reference: Zhang et al. 2018, sec. 3.1 and 3.3 (adaptive lower bounds).
        """
        (box,) = boxes
        low, high = box.low, box.high
        crosses = (low < 0) & (high > 0)
        upper = torch.where(crosses, high / (high - low), (low >= 0).to(low))
        lower = torch.where(crosses, (high > -low).to(low), upper)
        # A line is above a convex function if it is so at both ends, however its slope was rounded
        above = torch.maximum(-upper * low, high - upper * high).clamp_min(0)
        above = torch.where(crosses, above * (1 + rounding.factor(0, 1)) + rounding.factor(0, 1) * high, 0.0)
        noise = None
        if rounding.own:
            many = rounding.factor(0, low[0].numel())
            noise = rounding.factor(0, 1) * box.magnitude + many * above
        return RelaxedRelu(lower, upper - lower, above, noise)


@dataclass(frozen=True)
class RelaxedRelu:
    """Lines below and above, each (batch, *shape): lower x <= max(x, 0) <= (lower + more) x + above."""

    lower: Tensor
    more: Tensor
    above: Tensor
    noise: Tensor | None

    def backward(self, rows: Rows) -> tuple[tuple[Rows, ...], Tensor | None]:
        """Positive coefficients take the line below, negative ones the line above."""
        negative = rows.values.clamp_max(0)
        values = torch.addcmul(rows.values * rows.window(self.lower), negative, rows.window(self.more))
        return (rows.replaced(values),), weigh(negative, rows.window(self.above))


@dataclass(frozen=True)
class MaxPool:
    """The largest of each window of an image."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    ceil_mode: bool
    into: tuple[int, int, int]
    mixes: ClassVar[bool] = True

    def interval(self, boxes: Sequence[Box], rounding: Rounding) -> Box:
        """Ends go to ends; nothing is rounded."""
        del rounding
        (box,) = boxes
        return Box(self._largest(box.low)[0], self._largest(box.high)[0])

    def gains_from(self, box: Box) -> Tensor:
        """Wherever there is a choice."""
        return box.low < box.high

    def relax(self, boxes: Sequence[Box], rounding: Rounding) -> "RelaxedMaxPool":
        """Below, the input with the largest lower end; above, the same if no other can exceed it, else a constant."""
        (box,) = boxes
        low, places = self._largest(box.low)
        high = self._largest(box.high)[0]
        leads = self._others(box.high, places) <= low
        noise = None
        if rounding.own:
            many = rounding.factor(0, low[0].numel() + self.kernel[0] * self.kernel[1])
            noise = many * (self._largest(box.magnitude)[0] + high.abs())
        return RelaxedMaxPool(self, places, leads.to(low), torch.where(leads, 0.0, high), noise)

    def seen(self, rows: Rows) -> tuple[slice, slice]:
        """The rows and columns of the input that a window of the output looks at."""
        sides = []
        for start, size, axis in ((rows.top, rows.values.shape[-2], 0), (rows.left, rows.values.shape[-1], 1)):
            first = start * self.stride[axis] - self.padding[axis]
            last = first + (size - 1) * self.stride[axis] + self.dilation[axis] * (self.kernel[axis] - 1)
            sides.append(slice(max(0, first), min(self.into[1 + axis], last + 1)))
        return sides[0], sides[1]

    def _largest(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values, and their places in an image that is written row by row."""
        options = (self.kernel, self.stride, self.padding, self.dilation, self.ceil_mode)
        values, places = F.max_pool2d(x, *options, return_indices=True)
        return values, places

    def _others(self, x: Tensor, places: Tensor) -> Tensor:
        """The largest of each window without the one at `places`."""
        (left, top), (height, width) = self.padding[::-1], places.shape[-2:]
        reach = [
            (out - 1) * stride + dilation * (kernel - 1) + 1 - side - before
            for out, stride, dilation, kernel, side, before in zip(
                (height, width), self.stride, self.dilation, self.kernel, self.into[1:], self.padding
            )
        ]
        around = (left, max(0, reach[1]), top, max(0, reach[0]))
        grid = torch.arange(self.into[1] * self.into[2], dtype=x.dtype, device=x.device)
        grid = F.pad(grid.reshape(1, 1, *self.into[1:]), around, value=-1.0)

        def columns(image: Tensor) -> Tensor:
            found = image.unfold(-2, self.dilation[0] * (self.kernel[0] - 1) + 1, self.stride[0])
            found = found.unfold(-2, self.dilation[1] * (self.kernel[1] - 1) + 1, self.stride[1])
            found = found[..., :height, :width, :: self.dilation[0], :: self.dilation[1]]
            return found.flatten(-2)

        here = columns(grid) == places[..., None]
        return columns(F.pad(x, around, value=-torch.inf)).masked_fill(here, -torch.inf).amax(-1)


@dataclass(frozen=True)
class RelaxedMaxPool:
    """One input below; above, the same where it `leads` (1 or 0), else the constant `above`."""

    pool: MaxPool
    places: Tensor
    leads: Tensor
    above: Tensor
    noise: Tensor | None

    def backward(self, rows: Rows) -> tuple[tuple[Rows, ...], Tensor | None]:
        """Coefficients go to the one input that the lines below and above look at."""
        negative = rows.values.clamp_max(0)
        values = torch.addcmul(rows.values - negative, negative, rows.window(self.leads))
        high, wide = self.pool.seen(rows)
        height, width = high.stop - high.start, wide.stop - wide.start
        places = rows.window(self.places)
        places = (places // self.pool.into[2] - high.start) * width + places % self.pool.into[2] - wide.start
        into = values.new_zeros(*values.shape[:3], height * width)
        into.scatter_add_(3, places.flatten(2).expand(len(values), -1, -1, -1), values.flatten(3))
        into = into.reshape(*into.shape[:3], height, width)
        return (Rows(into, self.pool.into, high.start, wide.start),), weigh(negative, rows.window(self.above))
