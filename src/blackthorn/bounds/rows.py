"""Linear functions of one tensor of the network, many at a time, kept small: only the window that they look at.

One output of a convolution looks at a few pixels. Rows of outputs at neighbouring places share a window, and a window
stays a window through every layer, until a linear layer looks at everything.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Coefficients (rows, batch or 1, ...) of a tensor of shape `shape` (without the batch).

    Of images, `shape` (channels, height, width), only a window from `top`, `left` on is kept; the rest are zeros. A
    batch of 1 stands for the same rows for every image.
    """

    values: Tensor
    shape: tuple[int, ...]
    top: int = 0
    left: int = 0

    def window(self, tensor: Tensor) -> Tensor:
        """The part of `tensor` (..., *shape) that the rows look at; of one number for each channel, all of it."""
        if len(self.shape) != 3:
            return tensor
        height, width = self.values.shape[-2:]
        if tensor.shape[-2] == self.shape[-2]:
            tensor = tensor[..., self.top : self.top + height, :]
        return tensor[..., self.left : self.left + width] if tensor.shape[-1] == self.shape[-1] else tensor

    def replaced(self, values: Tensor) -> "Rows":
        """Other coefficients at the same place."""
        return Rows(values, self.shape, self.top, self.left)

    def whole(self) -> Tensor:
        """Coefficients of the whole tensor, (rows, batch or 1, *shape)."""
        if len(self.shape) != 3 or self.values.shape[-2:] == self.shape[-2:]:
            return self.values
        (height, width), (h, w) = self.shape[-2:], self.values.shape[-2:]
        return F.pad(self.values, (self.left, width - w - self.left, self.top, height - h - self.top))

    def times(self, tensor: Tensor) -> Tensor:
        """Each row times `tensor` (batch or 1, *shape), summed: (rows, batch or 1)."""
        return weigh(self.values, self.window(tensor.expand(len(tensor), *self.shape)))


def weigh(values: Tensor, by: Tensor) -> Tensor:
    """The sums of values (rows, batch or 1, ...) times `by` (batch or 1, ...): (rows, batch or 1)."""
    values, by = values.flatten(2), by.flatten(1)
    if values.shape[1] == 1:
        return values[:, 0] @ by.T
    return torch.einsum("rbf,bf->rb", values, by.expand(values.shape[1], -1))


def added(one: Rows, other: Rows) -> Rows:
    """The sum of two rows of the same tensor, over a window that holds both."""
    if len(one.shape) != 3:
        return one.replaced(one.values + other.values)
    top, left = min(one.top, other.top), min(one.left, other.left)
    bottom = max(one.top + one.values.shape[-2], other.top + other.values.shape[-2])
    right = max(one.left + one.values.shape[-1], other.left + other.values.shape[-1])

    def spread(rows: Rows) -> Tensor:
        h, w = rows.values.shape[-2:]
        return F.pad(rows.values, (rows.left - left, right - rows.left - w, rows.top - top, bottom - rows.top - h))

    return Rows(spread(one) + spread(other), one.shape, top, left)


def picks(shape: tuple[int, ...], at_most: int, wanted: Tensor, dtype: torch.dtype) -> Iterator[tuple[Tensor, Rows]]:
    """Rows that pick single numbers out of a tensor, at most so many at a time, with their places (rows,) in it.

    Numbers of an image are taken tile by tile, so that the windows they look at stay small.

    Args:
        shape: of the tensor, without the batch.
        at_most: rows at a time.
        wanted: which numbers, bool, of `shape`.
        dtype: of the rows.
    """
    places = torch.arange(wanted.numel(), device=wanted.device).reshape(shape)
    for top, left, tile, chosen in _tiles(places, wanted, at_most):
        for first in range(0, int(chosen.sum()), at_most):
            which = chosen.flatten().nonzero().squeeze(1)[first : first + at_most]
            values = torch.zeros(len(which), tile.numel(), dtype=dtype, device=wanted.device)
            values[torch.arange(len(which), device=wanted.device), which] = 1
            yield tile.flatten()[which], Rows(values.reshape(len(which), 1, *tile.shape), shape, top, left)


def _tiles(places: Tensor, wanted: Tensor, at_most: int) -> Iterator[tuple[int, int, Tensor, Tensor]]:
    if places.dim() != 3:
        yield 0, 0, places, wanted
        return
    channels, height, width = places.shape
    side = 1
    while (side + 1) ** 2 * channels <= min(at_most, _ROWS_OF_A_TILE):
        side += 1
    for top in range(0, height, side):
        for left in range(0, width, side):
            part = (slice(None), slice(top, top + side), slice(left, left + side))
            yield top, left, places[part], wanted[part]


_ROWS_OF_A_TILE = 64  # enough to keep a matrix product busy; a larger tile looks at more pixels in each of its rows
