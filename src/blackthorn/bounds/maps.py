"""The linear maps of networks: dense, convolution, one factor for each number, averages."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .rows import Rows


@dataclass(frozen=True)
class Dense:
    """`x @ weight.T`, weight (out, in)."""

    weight: Tensor
    diagonal: bool = False

    @property
    def run_terms(self) -> int:
        return self.weight.shape[1]

    @property
    def back_terms(self) -> int:
        return self.weight.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T

    def absolute(self, x: Tensor) -> Tensor:
        return x @ self.weight.abs().T

    def squared(self, x: Tensor) -> Tensor:
        return x @ self.weight.square().T

    def backward(self, rows: Rows) -> Rows:
        return Rows(rows.values @ self.weight, (self.weight.shape[1],))


@dataclass(frozen=True)
class Convolution:
    """A two-dimensional convolution, zero padded; weight (out, in / groups, height, width)."""

    weight: Tensor
    into: tuple[int, int, int]
    """Shape of an input."""
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    """Left, right, top, bottom."""
    dilation: tuple[int, int]
    groups: int
    diagonal: bool = False

    @property
    def run_terms(self) -> int:
        return math.prod(self.weight.shape[1:])

    @property
    def back_terms(self) -> int:
        out, _, *kernel = self.weight.shape
        return out // self.groups * math.prod(kernel)

    def forward(self, x: Tensor) -> Tensor:
        return self._by(self.weight, x)

    def absolute(self, x: Tensor) -> Tensor:
        return self._by(self.weight.abs(), x)

    def squared(self, x: Tensor) -> Tensor:
        return self._by(self.weight.square(), x)

    def backward(self, rows: Rows) -> Rows:
        """Transposed over the window; what falls on the padding falls away."""
        values = rows.values.flatten(0, 1)
        values = F.conv_transpose2d(values, self.weight, None, self.stride, 0, 0, self.groups, self.dilation)
        top, left = rows.top * self.stride[0] - self.padding[2], rows.left * self.stride[1] - self.padding[0]
        values = values[..., max(0, -top) : max(0, self.into[1] - top), max(0, -left) : max(0, self.into[2] - left)]
        if not values.numel():  # the window lies on the padding altogether
            return Rows(values.new_zeros(*rows.values.shape[:2], *self.into), self.into)
        values = values.reshape(*rows.values.shape[:2], *values.shape[1:])
        return Rows(values, self.into, max(0, top), max(0, left))

    def _by(self, weight: Tensor, x: Tensor) -> Tensor:
        left, right, top, bottom = self.padding
        even = left == right and top == bottom
        x = x if even else F.pad(x, self.padding)
        return F.conv2d(x, weight, None, self.stride, (top, left) if even else 0, self.dilation, self.groups)


@dataclass(frozen=True)
class Scale:
    """Each number times its own factor; `weight` (1, ...) broadcasts against the input and makes it no larger."""

    weight: Tensor
    run_terms: int = 1
    """Operations that the network spends on it."""
    back_terms: int = 1
    diagonal: bool = True

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight

    def absolute(self, x: Tensor) -> Tensor:
        return x * self.weight.abs()

    def squared(self, x: Tensor) -> Tensor:
        return x * self.weight.square()

    def backward(self, rows: Rows) -> Rows:
        weight = self.weight
        if weight.dim() == len(rows.shape) + 1:
            weight = rows.window(weight)
        return rows.replaced(rows.values * weight)


@dataclass(frozen=True)
class Average:
    """Averages over windows, whatever windows `by` takes: a linear function of (batch, ...) with no weight below 0."""

    by: Callable[[Tensor], Tensor]
    into: tuple[int, ...]
    run_terms: int
    back_terms: int
    diagonal: bool = False

    def forward(self, x: Tensor) -> Tensor:
        return self.by(x)

    def absolute(self, x: Tensor) -> Tensor:
        return self.by(x)

    def squared(self, x: Tensor) -> Tensor:
        """The square of a weight is at most the weight, so this is an upper bound (the mean weight is at most 1)."""
        return self.by(x)

    def backward(self, rows: Rows) -> Rows:
        whole = rows.whole()
        with torch.enable_grad():
            x = whole.new_zeros(whole.shape[0] * whole.shape[1], *self.into, requires_grad=True)
            (values,) = torch.autograd.grad(self.by(x), x, whole.flatten(0, 1))
        return Rows(values.reshape(*whole.shape[:2], *self.into), self.into)
