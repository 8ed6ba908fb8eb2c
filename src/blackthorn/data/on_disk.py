"""Images that stay on disk: they answer shape and indexing as a tensor does, and only what is asked for is read.

Whoever takes images takes a `Pixels`: a tensor, or this. `x[index]` is a tensor either way.

Images are read by position (`pread`) into memory of the asker's and not mapped. That is as fast as a mapped file when
the system has the file in memory; it keeps what the process holds to what was asked for; and a file that was cut is an
error and not the end of the process.
"""

import os
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
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
    """Bytes that may be read at once, or 256 MiB if that is more."""
    checksums: Tensor | None = None
    """int64 (images,): the CRC-32 of each image, compared when it is first read; None where nothing is compared."""
    _unchecked: NDArray[np.bool_] = field(init=False, repr=False)
    _ends: list[int] = field(init=False, repr=False)
    """The position after the last image of each block."""
    _open: dict[int, int] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ends", [*accumulate(block.images for block in self.blocks)])
        object.__setattr__(self, "_unchecked", np.full(len(self), self.checksums is not None))

    def __len__(self) -> int:
        return self._ends[-1]

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

    def read(self, positions: Tensor) -> Tensor:
        """The images at these positions, int64 (n,), as uint8 (n, C, H, W).

        Raises:
            DataError: more than may be read at once; or the file is damaged.
        """
        each, n = self.bytes_each, len(positions)
        if n * each > max(self.most, _LEAST):
            raise DataError(
                f"{n:,} images at once take {in_words(n * each)}, and images may take {in_words(self.most)} of memory; "
                "take fewer (n_max, batch_size), or allow more (data.memory)"
            )
        x = torch.empty((n, *self.size), dtype=torch.uint8)
        into, wanted = x.numpy().reshape(-1).data, positions.tolist()
        if n > 1 and len(self.blocks) == 1 and wanted[-1] - wanted[0] == n - 1 and bool((positions.diff() == 1).all()):
            wanted, length = wanted[:1], n * each  # in one go
        else:
            length = each
        first = end = start = 0
        try:
            for position in wanted:
                if not first <= position < end:
                    opened, offset, first, end = self._block_of(position)
                at = offset + (position - first) * each
                read = os.preadv(opened, (into[start : start + length],), at)
                while read < length:  # the system gives at most 2 GiB at once
                    more = os.preadv(opened, (into[start + read : start + length],), at + read)
                    if not more:
                        raise _damaged(self._path_of(position), position + read // each)
                    read += more
                start += length
        except OSError as problem:
            raise DataError(f"{self._path_of(position)}: cannot be read ({problem.strerror}); run again") from None
        if self._unchecked[positions.numpy()].any():
            self._compare(positions.tolist(), into)
        return x

    def _block_of(self, position: int) -> tuple[int, int, int, int]:
        """The open file that holds an image, where its block begins, and the positions that the block spans."""
        number = bisect_right(self._ends, position)
        block = self.blocks[number]
        if number not in self._open:
            self._open[number] = os.open(block.path, os.O_RDONLY)
        return self._open[number], block.offset, self._ends[number] - block.images, self._ends[number]

    def _path_of(self, position: int) -> Path:
        return self.blocks[bisect_right(self._ends, position)].path

    def _compare(self, positions: list[int], images: memoryview) -> None:
        assert self.checksums is not None  # else nothing is left to compare
        each = self.bytes_each
        wanted = self.checksums[torch.tensor(positions)].tolist()
        for row, (position, checksum) in enumerate(zip(positions, wanted)):
            if zlib.crc32(images[row * each : (row + 1) * each]) != checksum:
                raise _damaged(self._path_of(position), position)
        self._unchecked[positions] = False


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
        return self.stored.read(self._positions(index)).to(self.device)

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
