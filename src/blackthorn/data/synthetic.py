"""Striped images that any network learns in seconds: for tests, examples and benchmarks."""

import math

import torch

from ..values import address
from .images import ImageSet, Splits


def stripes(
    *,
    train: int = 512,
    valid: int = 64,
    test: int = 128,
    classes: int = 4,
    size: int = 8,
    channels: int = 1,
    noise: float = 0.1,
    seed: int = 0,
) -> Splits:
    """Class k shows stripes turned by k/classes of half a turn, at a random shift, contrast and noise.

    Labels go round (0, 1, 2, ...), so that every split and every cap of it is balanced. Images are (channels,
    size, size); `noise` is a standard deviation in pixels of [0, 1].
    """
    generator = torch.Generator().manual_seed(seed)
    names = tuple(f"stripes {180 * k / classes:g} degrees" for k in range(classes))

    def make(n: int) -> ImageSet:
        y = torch.arange(n) % classes
        angle = (math.pi * y / classes)[:, None, None, None]
        rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        along = rows * torch.sin(angle) + columns * torch.cos(angle)
        shift = 0.5 * math.pi * torch.rand(n, channels, 1, 1, generator=generator)  # under half a period: learnable
        contrast = 0.3 + 0.2 * torch.rand(n, 1, 1, 1, generator=generator)
        wave = 0.5 + contrast * torch.sin(along * (math.pi / 2) + shift)  # period of 4 pixels, whatever the size
        pixels = wave + noise * torch.randn(n, channels, size, size, generator=generator)
        return ImageSet((pixels.clamp(0, 1) * 255).round().to(torch.uint8), y, names)

    spelling = ["stripes", train, valid, test, classes, size, channels, noise, seed]
    return Splits(make(train), make(valid), make(test), name="stripes", fingerprint=address(spelling))
