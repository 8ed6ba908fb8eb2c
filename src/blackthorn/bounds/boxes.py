"""Where a tensor can be: a box around it, and beside it an l2 ball as long as layers act on each number by itself."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from .rounding import Rounding

Norm = Literal["linf", "l2"]
Eps = float | Tensor
"""One radius for all images, or a tensor of shape (batch,) with one for each."""


@dataclass(frozen=True)
class Ball:
    """The points centre + scale * d + e, where d has l2 norm of at most 1 and |e| <= noise; each (batch, ...)."""

    centre: Tensor
    scale: Tensor
    noise: Tensor


@dataclass(frozen=True)
class Box:
    """The points between `low` and `high`, each (batch, ...), that lie in `ball` too if there is one."""

    low: Tensor
    high: Tensor
    ball: Ball | None = None

    @property
    def centre(self) -> Tensor:
        return (self.low + self.high) / 2

    @property
    def radius(self) -> Tensor:
        return (self.high - self.low) / 2

    @property
    def magnitude(self) -> Tensor:
        """The largest absolute value."""
        return torch.maximum(self.low.abs(), self.high.abs())

    def meet(self, low: Tensor, high: Tensor) -> "Box":
        """The points that lie in these bounds too."""
        return Box(torch.maximum(self.low, low), torch.minimum(self.high, high), self.ball)


def around(x: Tensor, eps: Eps, norm: Norm, rounding: Rounding) -> Box:
    """The ball of radius `eps` around images `x` (batch, ...), within [0, 1].

    Where rounding counts, the radius is a little larger, so that every image that float32 arithmetic takes to be in the
    ball is in it: by 2^-22 of itself and 2^-23 in linf, by 1e-5 of itself and sqrt(pixels) 2^-24 in l2. A radius of 0
    stays 0.
    """
    radius = (
        torch.as_tensor(eps, dtype=x.dtype, device=x.device)
        .reshape(-1, *[1] * (x.dim() - 1))
        .expand(len(x), *x.shape[1:])
    )
    if rounding.own:
        far = (
            radius * (1 + 2**-22) + 2**-23 if norm == "linf" else radius * (1 + 1e-5) + math.sqrt(x[0].numel()) * 2**-24
        )
        radius = torch.where(radius > 0, far, radius)
    ball = Ball(x, radius, torch.zeros_like(x)) if norm == "l2" else None
    return Box((x - radius).clamp(0, 1), (x + radius).clamp(0, 1), ball)
