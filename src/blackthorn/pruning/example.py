"""An image to run a network on, where the caller may not have given one."""

import torch
from torch import Tensor, nn

from ..channels.trace import as_images
from ..errors import PruningError
from ..models.device import device_of


def example_of(model: nn.Module, x: Tensor | None) -> Tensor:
    """One image to run the network on: the first of `x`, or a grey one of the size its architecture names.

    Raises:
        PruningError: there is neither, or `x` is no batch of images.
    """
    if x is not None:
        return as_images(model, x)[:1]
    about = model.__dict__.get("architecture") or {}
    size, channels = about.get("image_size"), about.get("in_channels")
    sides = (size, size) if isinstance(size, int) else size
    if not isinstance(channels, int) or not isinstance(sides, (list, tuple)):
        raise PruningError(f"{type(model).__name__} does not say how large its images are; pass x=, a batch of them")
    return torch.full((1, channels, *sides), 0.5, device=device_of(model))
