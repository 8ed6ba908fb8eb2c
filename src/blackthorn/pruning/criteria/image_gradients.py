"""Norms of the gradient that each image alone gives to each filter, for all images of a batch at once.

A layer's gradient for one image is a product of two matrices, G P^T: G has the gradient at the filters' outputs, and P
the patch of inputs that they read, at each position. Several calls of a layer are more positions.
"""

import math

import torch
from torch import Tensor, nn

from ..layers import Convolution, padded

_AT_ONCE = 2**26  # numbers of gradients held at a time: 256 MiB
Factors = tuple[Tensor, Tensor]
"""G (images, groups, filters, positions) and P (images, groups, numbers of one filter, positions)."""


def factors(layer: nn.Linear | Convolution, given: Tensor, climbs: Tensor) -> Factors:
    """The two matrices of each image.

    Args:
        layer: linear, or a convolution; each group of filters has matrices of its own.
        given: what went into it, (images, ...).
        climbs: the gradient at what came out, (images, ...).
    """
    images = len(given)
    if isinstance(layer, nn.Linear):
        made, read = (one.reshape(images, 1, -1, one.shape[-1]).transpose(2, 3) for one in (climbs, given))
        return made, read
    axes = len(layer.kernel_size)
    windows = padded(given.flatten(0, 1), layer)  # padding does not care which image a channel belongs to
    for axis, (size, stride, dilation) in enumerate(zip(layer.kernel_size, layer.stride, layer.dilation), start=1):
        windows = windows.unfold(axis, dilation * (size - 1) + 1, stride)[..., ::dilation]
    windows = windows.flatten(1 + axes).flatten(1, axes)  # (images * channels, positions, taps)
    _, positions, taps = windows.shape
    patches = windows.reshape(images, layer.groups, -1, positions, taps).transpose(3, 4).flatten(2, 3)
    return climbs.reshape(images, layer.groups, -1, positions), patches


def summed_norms(climbs: Tensor, patches: Tensor, order: int) -> Tensor:
    """Sum over images of the norms of order `order` (1 or 2) of each row of G P^T: (groups * filters,)."""
    filters, numbers, positions = climbs.shape[2], patches.shape[2], climbs.shape[3]
    if order == 2 and positions * (numbers + filters) < numbers * filters:
        # |G_j P^T|^2 = G_j (P^T P) G_j^T is less work: deep layers have few positions and many weights.
        squares = ((climbs @ (patches.transpose(2, 3) @ patches)) * climbs).sum(3)
        return squares.clamp(min=0).sqrt().sum(0).flatten()
    step = max(1, _AT_ONCE // math.prod((climbs.shape[1], filters, numbers)))
    norms = [
        torch.linalg.vector_norm(some @ of.transpose(2, 3), order, dim=3).sum(0)
        for some, of in zip(torch.split(climbs, step), torch.split(patches, step))
    ]
    return torch.stack(norms).sum(0).flatten()
