"""Steps that only join or reshape: sums and differences of two tensors, and the same numbers in another shape."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .boxes import Ball, Box
from .rounding import Rounding
from .rows import Rows


@dataclass(frozen=True)
class Sum:
    """One tensor plus `sign` times another of the same shape."""

    sign: float = 1.0
    mixes: ClassVar[bool] = True

    def interval(self, boxes: Sequence[Box], rounding: Rounding) -> Box:
        """Ends added to ends."""
        one, other = boxes
        size = one.magnitude + other.magnitude
        noise = rounding.overflowing(size, rounding.factor(1, 1) * size)
        first, last = (other.low, other.high) if self.sign > 0 else (-other.high, -other.low)
        return Box(one.low + first - noise, one.high + last + noise)

    def gains_from(self, box: Box) -> None:
        """It loses nothing."""
        del box

    def relax(self, boxes: Sequence[Box], rounding: Rounding) -> "RelaxedSum":
        """Exact but for rounding."""
        one, other = boxes
        if not rounding.own:
            return RelaxedSum(self.sign, None)
        size = one.magnitude + other.magnitude
        return RelaxedSum(self.sign, rounding.factor(1, size[0].numel()) * size)


@dataclass(frozen=True)
class RelaxedSum:
    """The same rows to both sides."""

    sign: float
    noise: Tensor | None

    def backward(self, rows: Rows) -> tuple[tuple[Rows, ...], Tensor | None]:
        """Unchanged, or with the sign."""
        return (rows, rows if self.sign > 0 else rows.replaced(-rows.values)), None


@dataclass(frozen=True)
class Reshape:
    """The same numbers of each image, in the same order, in another shape."""

    into: tuple[int, ...]
    out: tuple[int, ...]
    noise: ClassVar[Tensor | None] = None
    mixes: ClassVar[bool] = False

    def interval(self, boxes: Sequence[Box], rounding: Rounding) -> Box:
        """Nothing is computed."""
        del rounding
        (box,) = boxes
        ball = box.ball and Ball(*(self._of(part) for part in (box.ball.centre, box.ball.scale, box.ball.noise)))
        return Box(self._of(box.low), self._of(box.high), ball)

    def gains_from(self, box: Box) -> None:
        """It loses nothing."""
        del box

    def relax(self, boxes: Sequence[Box], rounding: Rounding) -> "Reshape":
        """Nothing to prepare."""
        del boxes, rounding
        return self

    def backward(self, rows: Rows) -> tuple[tuple[Rows, ...], Tensor | None]:
        """Reshaped back."""
        whole = rows.whole()
        return (Rows(whole.reshape(*whole.shape[:2], *self.into), self.into),), None

    def _of(self, tensor: Tensor) -> Tensor:
        return torch.reshape(tensor, (-1, *self.out))
