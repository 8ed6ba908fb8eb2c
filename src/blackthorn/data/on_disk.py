"""Images that stay on disk: they answer shape and indexing as a tensor does, and only what is asked for is read.

Whoever takes images takes a `Pixels`: a tensor, or this. `x[index]` is a tensor either way.

Images are read by position (`pread`) into memory of the asker's and not mapped. That is as fast as a mapped file when
the system has the file in memory; it keeps what the process holds to what was asked for; and a file that was cut is an
error and not the end of the process.
"""

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from ..errors import DataError
from .memory import in_words

_LEAST = 256 * 1024**2  # bytes that may be read at once however little memory is allowed: a batch must be possible

Index = Tensor | slice | int | Sequence[int]
"""Positions, flags for all images, or a part in a row."""


@dataclass(frozen=True)
class Block:
    """Images that lie one after the other in a file."""

    path: Path
    offset: int
    """Of the first byte."""
    images: int


@dataclass(frozen=True, eq=False)
class Stored:
    """All images of a part of a source: where their bytes lie, and what is known of them."""

    blocks: tuple[Block, ...]
    size: tuple[int, int, int]
    """Channels, height, width."""
    most: int
    """Bytes that may be read at once."""
    checksums: Tensor | None = None
    """int64 (images,): the CRC-32 of each image, compared when it is first read; None where nothing is compared."""
    _checked: Tensor = field(init=False, repr=False)
    _open: dict[Path, int] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_checked", torch.full((len(self),), self.checksums is None))

    def __len__(self) -> int:
        return sum(block.images for block in self.blocks)

    def __del__(self) -> None:
        for opened in self._open.values():
            os.close(opened)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_open": {}}  # another process opens the files itself

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)

    @property
    def bytes_each(self) -> int:
        """Bytes of one image."""
        channels, height, width = self.size
        return channels * height * width

    def read(self, positions: Sequence[int]) -> Tensor:
        """The images at these positions, uint8 (len(positions), C, H, W).

        Raises:
            DataError: more than may be read at once; or the file is damaged.
        """
        each = self.bytes_each
        if len(positions) * each > max(self.most, _LEAST):
            raise DataError(
                f"{len(positions):,} images at once take {in_words(len(positions) * each)}, and images may take "
                f"{in_words(self.most)} of memory; take fewer (n_max, batch_size), or allow more (data.memory)"
            )
        x = torch.empty((len(positions), *self.size), dtype=torch.uint8)
        into = x.numpy().reshape(-1).data
        unchecked = (~self._checked[torch.tensor(positions, dtype=torch.int64)]).tolist()
        for row, (position, compare) in enumerate(zip(positions, unchecked)):
            image = into[row * each : (row + 1) * each]
            self._read(position, image)
            if compare:
                self._compare(position, image)
        return x

    def _read(self, position: int, into: memoryview) -> None:
        block, left = self.blocks[0], position
        if len(self.blocks) > 1:
            for block in self.blocks:
                if left < block.images:
                    break
                left -= block.images
        try:
            opened = self._open.get(block.path)
            if opened is None:
                opened = self._open[block.path] = os.open(block.path, os.O_RDONLY)
            read = os.preadv(opened, (into,), block.offset + left * len(into))
        except OSError as problem:
            raise DataError(f"{block.path}: cannot be read ({problem.strerror}); run again") from None
        if read != len(into):
            raise _damaged(block.path, position)

    def _compare(self, position: int, image: memoryview) -> None:
        assert self.checksums is not None  # else nothing is left to compare
        if zlib.crc32(image) != int(self.checksums[position]):
            raise _damaged(self.blocks[0].path, position)
        self._checked[position] = True


def _damaged(path: Path, position: int) -> DataError:
    return DataError(f"{path}: damaged at image {position:,}; delete this file and run again, and it is made anew")


@dataclass(frozen=True, eq=False)
class OnDisk:
    """Images on disk, uint8 (N, C, H, W), some of a part or all of it, in any order."""

    stored: Stored
    rows: Tensor
    """int64 (N,): where each of them stands in the part."""
    device: torch.device = torch.device("cpu")  # noqa: RUF009  # a device is a value
    """Where images are put that are asked for."""

    dtype: ClassVar[torch.dtype] = torch.uint8
    ndim: ClassVar[int] = 4

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Index) -> Tensor:
        """The images at these positions, on the device; of a single position that image, (C, H, W).

        Raises:
            DataError: more than may be read at once; or the file is damaged.
        """
        if isinstance(index, int):
            return self[[index]][0]
        return self.stored.read(self._positions(index).tolist()).to(self.device)

    def take(self, index: Index) -> "OnDisk":
        """The images at these positions, which stay on disk."""
        return replace(self, rows=self._positions(index))

    def to(self, device: torch.device | str) -> "OnDisk":
        """The same images, put on this device as they are asked for."""
        there = torch.device(device)
        return self if there == self.device else replace(self, device=there)

    @property
    def shape(self) -> torch.Size:
        """(N, C, H, W)."""
        return torch.Size((len(self), *self.stored.size))

    @property
    def nbytes(self) -> int:
        """What they would take in memory."""
        return len(self) * self.stored.bytes_each

    def dim(self) -> int:
        """4, as a tensor of images has."""
        return self.ndim

    def is_floating_point(self) -> bool:
        """They are bytes."""
        return False

    def _positions(self, index: Index) -> Tensor:
        if isinstance(index, Tensor):
            return self.rows[index.to(self.rows.device)]
        return self.rows[index if isinstance(index, slice) else torch.as_tensor(index, dtype=torch.int64)]


Pixels = Tensor | OnDisk
"""Images, (N, C, H, W): uint8 in 0..255 or float32. `x[index]` gives a tensor of some of them."""


def taken(x: Pixels, index: Index) -> Pixels:
    """The images at these positions, on disk where `x` is; a slice of a tensor shares memory."""
    return x.take(index) if isinstance(x, OnDisk) else x[index]
