"""Images brought to mean 0 and deviation 1, each by its own pixels: the input of ANP-VS's networks on CIFAR."""

import hashlib
from dataclasses import replace

import torch
from torch import Tensor

from ..errors import DataError
from .images import ImageSet, Splits, pixels
from .on_disk import OnDisk, Pixels

SCALE = 128.0
"""A standardised image s is held as 1/2 + s/128. Of 3,072 numbers of deviation 1 none is beyond 55.4 (the square root
of 3,071), so that all of them lie in [0, 1], and float32 keeps them to 4e-6 of s."""
_IMAGES = 1024  # at once


def standardized(splits: Splits) -> Splits:
    """The same images, each less its mean, divided by its deviation, and held as 1/2 + s/128 in float32.

    A deviation counts as at least 1/sqrt(number of pixels and channels), as in TensorFlow's
    `per_image_standardization`, which the code of Madaan et al. 2020 repeats. A network reads s again with the
    mean 1/2 and the deviation 1/128. A radius of 0.03 in s is 0.03/128 here, and the range [0, 1] is [64/128, 65/128].

    Raises:
        DataError: the images are served from disk, or have more than 4,096 numbers.
    """
    train, valid, test = (_standardized(part) for part in (splits.train, splits.valid, splits.test))
    fingerprint = hashlib.sha256(f"{splits.fingerprint} standardized".encode()).hexdigest()[:16]
    return replace(splits, train=train, valid=valid, test=test, fingerprint=fingerprint)


def _standardized(images: ImageSet) -> ImageSet:
    x: Pixels = images.x
    if isinstance(x, OnDisk):
        raise DataError("standardize: these images stay on disk, since they take too much memory; raise memory")
    if (numbers := x[0].numel() if len(x) else 0) > (SCALE / 2) ** 2:
        raise DataError(f"standardize: images of {numbers} numbers, and at most 4096 can be: write resize: 32")
    made = torch.empty(x.shape)
    for start in range(0, len(x), _IMAGES):
        made[start : start + _IMAGES] = _held(pixels(x[start : start + _IMAGES]))
    return ImageSet(made, images.y, images.classes)


def _held(x: Tensor) -> Tensor:
    flat = x.flatten(1)
    deviation = flat.std(dim=1, correction=0, keepdim=True).clamp_min(flat.shape[1] ** -0.5)
    return (0.5 + (flat - flat.mean(dim=1, keepdim=True)) / deviation / SCALE).view_as(x)
