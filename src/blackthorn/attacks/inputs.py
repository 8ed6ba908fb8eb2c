"""What attacks are called on: pixels of [0, 1] and one label for each image, or a plain refusal."""

import torch
from torch import Tensor

from ..errors import AttackError


def checked(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Images as float32 in [0, 1], cut off from any graph, and labels as int64 (batch,).

    Args:
        x: float in [0, 1], or uint8 as stored, shape (batch, channels, height, width).
        y: integers, shape (batch,).

    Raises:
        AttackError: pixels outside [0, 1] (attacked without a word, they would be clipped to black and white), labels
            that are not one for each image, or no images.
    """
    if y.shape != x.shape[:1] or not len(x):
        given = f"{len(y)} labels" if y.dim() == 1 else f"labels of shape {tuple(y.shape)}"
        raise AttackError(f"{len(x)} images with {given}; give one label for each image, and at least one image")
    if x.dtype == torch.uint8:
        x = x.float() / 255
    low, high = x.min().item(), x.max().item()
    if not (low >= 0 and high <= 1):  # written so that pixels that are not numbers are refused too
        raise AttackError(
            f"pixels lie in [{low:.3g}, {high:.3g}]; they must be in [0, 1]: divide by 255, and put "
            "normalisation inside the model"
        )
    return x.detach().float(), y.long()


def refuse_other_shape(name: str, x_adv: Tensor, x: Tensor) -> None:
    """Refuse what an attack returned if it is not one image for each image.

    Raises:
        AttackError: names the attack and both shapes.
    """
    if x_adv.shape != x.shape:
        raise AttackError(f"{name} returned images of shape {tuple(x_adv.shape)} for images of shape {tuple(x.shape)}")
