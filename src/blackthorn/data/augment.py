"""Random crops and flips of a whole batch at once: the usual augmentation of small images.

Both work on uint8 and float images alike, draw from the generator they are given (on the CPU, so that every
device sees the same offsets) and leave the global generator alone.
"""

from typing import Literal, Protocol

import torch
from torch import Generator, Tensor
from torch.nn.functional import pad as pad_

from ..values import Count, Rate, value


class Augmentation(Protocol):
    """`augmentation(x, generator)` returns changed images of the shape and type of `x` (B, C, H, W)."""

    def __call__(self, x: Tensor, generator: Generator) -> Tensor: ...


@value
class Crop:
    """Pad with black, then cut each image out again at its own random offset.

    Reference:
        He et al. 2016, Deep Residual Learning for Image Recognition, sec. 4.2 (pad 4 on CIFAR-10).
    """

    kind: Literal["crop"] = "crop"
    pad: Count = 4
    """Pixels of border on each side; the largest shift."""
    fill: Rate = 0.0
    """The border's brightness, from 0 for black to 1; 1/2 is the mean of standardised images."""

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        height, width = x.shape[-2:]
        top, left = torch.randint(0, 2 * self.pad + 1, (2, len(x)), generator=generator).to(x.device)
        fill = self.fill if x.is_floating_point() else round(255 * self.fill)
        padded = pad_(x, (self.pad,) * 4, value=fill)
        every_crop = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view; indexing it copies whole rows
        return every_crop[torch.arange(len(x), device=x.device), :, top, left]


@value
class Flip:
    """Mirror each image left to right with probability one half."""

    kind: Literal["flip"] = "flip"

    def __call__(self, x: Tensor, generator: Generator) -> Tensor:
        mirrored = torch.randint(0, 2, (len(x), 1, 1, 1), generator=generator).bool().to(x.device)
        return torch.where(mirrored, x.flip(-1), x)
