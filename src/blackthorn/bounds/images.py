"""What bounds are asked about: images in [0, 1], one label for each, and a radius in a known norm."""

from typing import get_args

import torch
from torch import Tensor

from ..errors import AttackError, DataError
from ..values import check_radius
from .boxes import Norm


def checked(x: Tensor, y: Tensor, eps: float, norm: Norm) -> tuple[Tensor, Tensor]:
    """Images as float32 in [0, 1] and labels as int64 (batch,).

    Raises:
        DataError: pixels outside [0, 1], or not one label for each image.
        AttackError: an unknown norm, or a radius that is negative or above the whole range.
    """
    if y.shape != x.shape[:1] or not len(x):
        raise DataError(f"{len(x)} images with labels of shape {tuple(y.shape)}; give one label for each image")
    if x.dtype == torch.uint8:
        x = x.float() / 255
    low, high = x.min().item(), x.max().item()
    if not (low >= 0 and high <= 1):
        raise DataError(f"pixels lie in [{low:.3g}, {high:.3g}]; they must be in [0, 1]: divide by 255")
    if norm not in get_args(Norm):
        raise AttackError(f"there are no bounds for norm '{norm}'; write linf or l2")
    if not eps >= 0:
        raise AttackError(f"a radius cannot be negative; got {eps}")
    try:
        check_radius(eps, norm)
    except ValueError as error:
        raise AttackError(str(error)) from None
    return x.detach(), y.long()
