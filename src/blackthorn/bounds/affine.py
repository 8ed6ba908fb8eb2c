"""Layers that are affine: a linear map with a known absolute value, square and transpose, plus a constant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .boxes import Ball, Box
from .rounding import Rounding
from .rows import Rows


class LinearMap(Protocol):
    """A matrix of weights that is never written out."""

    @property
    def run_terms(self) -> int:
        """Products in one output, or operations that the network spends on it."""
        ...

    @property
    def back_terms(self) -> int:
        """Products in one coefficient of an input."""
        ...

    @property
    def diagonal(self) -> bool:
        """Whether each output depends on the input at its own place only."""
        ...

    def forward(self, x: Tensor) -> Tensor:
        """The map of `x` (batch, ...)."""
        ...

    def absolute(self, x: Tensor) -> Tensor:
        """The same with the absolute values of all weights."""
        ...

    def squared(self, x: Tensor) -> Tensor:
        """The same with the squares of all weights."""
        ...

    def backward(self, rows: Rows) -> Rows:
        """Rows of the output as rows of the input."""
        ...


@dataclass(frozen=True)
class Affine:
    """`map(x) + bias`."""

    map: LinearMap
    bias: Tensor | None = None
    """Broadcasts against the output, (1, ...)."""
    bias_size: Tensor | None = None
    """The absolute sum of what the network adds up to make the bias; |bias| where it is added as it is."""

    @property
    def mixes(self) -> bool:
        return not self.map.diagonal

    def interval(self, boxes: Sequence[Box], rounding: Rounding) -> Box:
        """Centre and radius, the radius under absolute weights; in an l2 ball the weights' l2 norm if that is less.

        Reference: Gowal et al. 2018, eq. 6.
        """
        (box,) = boxes
        centre, radius, magnitude = box.centre, box.radius, box.magnitude
        factor = rounding.factor(self.map.run_terms, self.map.run_terms)
        middle = self._plus_bias(self.map.forward(centre))
        if not factor:
            reach = self.map.absolute(radius)
        else:
            reach = self._plus_size(self.map.absolute(radius + factor * magnitude), factor)
            reach = reach + 2 * self.map.run_terms * rounding.tiny
            if rounding.run:
                reach = rounding.overflowing(self._plus_size(self.map.absolute(magnitude), 1.0), reach)
        low, high, ball = middle - reach, middle + reach, None
        if box.ball is not None:
            within = self._through(box.ball, magnitude, factor, rounding)
            reach = within.noise
            if self.map.diagonal:
                reach, ball = reach + within.scale, within
            else:
                reach = reach + within.scale * (1 + factor)
            low, high = torch.maximum(low, within.centre - reach), torch.minimum(high, within.centre + reach)
        return Box(low, high, ball)

    def gains_from(self, box: Box) -> None:
        """It loses nothing."""
        del box

    def relax(self, boxes: Sequence[Box], rounding: Rounding) -> "RelaxedAffine":
        """Exact but for rounding."""
        (box,) = boxes
        noise = None
        if rounding.own:
            size = self.map.absolute(box.magnitude)
            factor = rounding.factor(self.map.run_terms, max(self.map.back_terms, size[0].numel()))
            noise = (1 + factor) * (self._plus_size(factor * size, factor) + 2 * self.map.run_terms * rounding.tiny)
            noise = rounding.overflowing(self._plus_size(size, 1.0), noise)
        return RelaxedAffine(self.map, self.bias, noise)

    def _through(self, ball: Ball, magnitude: Tensor, factor: float, rounding: Rounding) -> Ball:
        """The ball behind the layer; off the diagonal, `scale` is how far each single output can go."""
        centre = self._plus_bias(self.map.forward(ball.centre))
        through = self.map
        scale = through.absolute(ball.scale) if through.diagonal else through.squared(ball.scale.square()).sqrt()
        noise = self.map.absolute(ball.noise + factor * (magnitude + ball.centre.abs() + ball.scale))
        return Ball(
            centre, scale, (1 + factor) * self._plus_size(noise, factor) + 2 * self.map.run_terms * rounding.tiny
        )

    def _plus_bias(self, x: Tensor) -> Tensor:
        return x if self.bias is None else x + self.bias

    def _plus_size(self, x: Tensor, factor: float) -> Tensor:
        size = self.bias_size if self.bias_size is not None else None if self.bias is None else self.bias.abs()
        return x if size is None else x + factor * size


@dataclass(frozen=True)
class RelaxedAffine:
    """An affine layer pulls linear functions back by its transpose."""

    map: LinearMap
    bias: Tensor | None
    noise: Tensor | None

    def backward(self, rows: Rows) -> tuple[tuple[Rows, ...], Tensor | None]:
        """The transpose, and what the rows make of the bias."""
        return (self.map.backward(rows),), None if self.bias is None else rows.times(self.bias)
