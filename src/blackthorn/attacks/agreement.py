"""Do gradients agree with those of images nearby? Where they do not, a step says nothing of the next one.

Reference: Athalye et al. 2018, "Obfuscated gradients give a false sense of security", sec. 4.1, on shattered gradients.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .ball import Ball

LARGEST = 0.03
"""Pixels; a tenth of a radius of 0.3, in linf."""
_LENGTHS = (0.1, 0.3, 1.0)  # of the distance; at one alone, waves may be met at the same height
_ENOUGH = 16  # images
_AGREES = 0.25
"""Mean cosine. It is 0.57 at least on 56 networks that were trained as usual or adversarially, with and without pruning
(results/benchmarks/standing.json). Waves that make slopes six times as steep leave 0.05 of it where they are averaged:
(1 + r A^2 / 2) / (1 + A^2 / 2), where A is the slope of the waves, and r how far they are in step."""


def distance_in(ball: Ball, pixels: int) -> float:
    """How near an image has to be for gradients to agree: a tenth of what the ball allows each pixel if all change."""
    each = float(ball.eps) if ball.norm == "linf" else float(ball.eps) / math.sqrt(pixels)
    return min(each / 10, LARGEST)


def signs(x: Tensor, draw: torch.Generator) -> Tensor:
    """Plus or minus one for each pixel, drawn."""
    return (2 * torch.randint(0, 2, x.shape, generator=draw) - 1).to(x)


@dataclass
class Agreement:
    """Cosines between gradients at images and a little away from them, of the first images of an attack."""

    distance: float = LARGEST
    """Pixels that an image is moved by at most."""
    cosines: dict[float, list[Tensor]] = field(default_factory=dict)
    """For each share of the distance, one number for each image that has gradients."""

    @property
    def least(self) -> float | None:
        """The least of the mean cosines at these distances; None where no image has gradients."""
        means = (torch.cat(found).mean().item() for found in self.cosines.values() if sum(map(len, found)))
        return min(means, default=None)

    @property
    def shattered(self) -> bool:
        """Whether gradients do not agree at one of the distances."""
        return self.least is not None and self.least < _AGREES

    def look(self, slope: Callable[[Tensor], Tensor], x: Tensor, gradient: Tensor, draw: torch.Generator) -> None:
        """Compare the gradients at some images with those nearby, unless enough have been compared.

        Args:
            slope: from images to the gradients of their leads, of the same shape.
            x: the images, (batch, ...).
            gradient: the gradients at them; images where one is zero or not finite are left to other alarms.
            draw: of signs.
        """
        for length in _LENGTHS:
            found = self.cosines.setdefault(length, [])
            if sum(map(len, found)) >= _ENOUGH:
                return
            away = length * self.distance * signs(x, draw)
            pair = torch.stack([gradient, slope((x + away).clamp(0, 1))]).flatten(2).double()
            size = pair.norm(dim=2)
            told = (size.isfinite() & (size > 0)).all(0)
            found.append((pair.prod(0).sum(1) / size.prod(0))[told])
