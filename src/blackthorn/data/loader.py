"""Batches from memory: no workers, no files; one indexing operation for each batch, on the device."""

import hashlib
from collections.abc import Iterator, Sequence

import torch
from torch import Generator, Tensor

from ..errors import DataError
from ..speed.ranks import Ranks
from .augment import Augmentation
from .images import ImageSet, pixels


def batches(
    images: ImageSet,
    batch_size: int,
    *,
    seed: int | None,
    epoch: int = 0,
    augment: Sequence[Augmentation] | None = (),
    device: torch.device | str = "cpu",
    drop_last: bool = False,
    ranks: Ranks | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """One pass over the images: x float32 (B, C, H, W), in [0, 1] if stored as uint8, and y int64 (B,), on the device.

    The order is a function of `(seed, epoch)` and nothing else; `seed=None` keeps the stored order.
    Augmentation draws from a second stream of `(seed, epoch)`, so it changes no order. The global generator
    is not touched. Call `images.to(device)` once before training: images that are there already are not
    copied again.

    With several ranks each is given its part of every batch: the images that one rank alone would be given, in the same
    order and augmented alike.

    Raises:
        DataError: the batch size is below 1.
    """
    if batch_size < 1:
        raise DataError(f"batch_size: read {batch_size}; write a whole number of at least 1")
    return _batches(images.to(device), batch_size, seed, epoch, tuple(augment or ()), drop_last, ranks or Ranks())


def _batches(
    images: ImageSet,
    size: int,
    seed: int | None,
    epoch: int,
    augment: tuple[Augmentation, ...],
    drop_last: bool,
    ranks: Ranks,
) -> Iterator[tuple[Tensor, Tensor]]:
    order = None
    if seed is not None:
        order = torch.randperm(len(images), generator=stream("order", seed, epoch)).to(images.x.device)
    draws = stream("augment", seed, epoch)
    end = len(images) - len(images) % size if drop_last else len(images)
    for start in range(0, end, size):
        whole = min(size, end - start)
        rows = ranks.part(whole).rows
        wanted = slice(0, whole) if augment else rows  # augmentations draw for the whole batch
        at = slice(start + wanted.start, start + wanted.stop)
        index = at if order is None else order[at]
        x, y = images.x[index], images.y[index]
        for augmentation in augment:
            x = augmentation(x, draws)
        if augment:
            x, y = x[rows], y[rows]
        yield pixels(x, bounded=False), y


def stream(purpose: str, seed: int | None, number: int) -> Generator:
    """A generator of its own for each purpose, seed and number (of an epoch, of an image); neighbours are unrelated."""
    digest = hashlib.sha256(f"{purpose}/{seed}/{number}".encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:7], "big"))
