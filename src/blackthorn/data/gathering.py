"""Where decoded images go: into memory, or into a file that grows and is taken up again after an interruption."""

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError
from ..files import write_whole
from ..types import Progress
from .decode import Decoder
from .images import ImageSet
from .layout import Entry, Layout
from .memory import in_words

_SAFE_EVERY = 64 * 1024**2  # bytes between two notes of how far the file has come: what a killed process loses at most
_NUMBERS = ("y", "checksums")
_CHUNK = 16 * 1024**2  # bytes that are read at a time when the file is looked through


class Sink(Protocol):
    """What a reader of images hands them to: first what there is, then the pixels, part by part and row by row."""

    def begin(self, labels: Mapping[str, Tensor], classes: tuple[str, ...], size: tuple[int, int, int]) -> None:
        """Hear what comes: labels, int64 (n,), of each part, the names of classes, and (channels, height, width)."""
        ...

    def there(self, part: str) -> int:
        """How many images of a part are there already, from an earlier attempt; those that follow are wanted."""
        ...

    def add(self, part: str, x: Tensor) -> None:
        """The next images of a part, uint8 (n, C, H, W)."""
        ...


def poured(
    batches: Mapping[str, Iterable[Any]],
    opened: Callable[[str, Any, int], Sequence[tuple[bytes | str, str]]],
    labels: Mapping[str, Tensor],
    classes: tuple[str, ...],
    decoder: Decoder,
    sink: Sink,
) -> None:
    """Decode what is not there yet, and hand it on.

    Args:
        batches: the rows of each part, some at a time, which can be sliced.
        opened: called with a part, some rows and the number of the first; gives images, and where each comes from.
        labels: of each part, as `Sink.begin`.
        classes: their names.
        decoder: decodes them.
        sink: where they go.
    """
    begun = False
    for part, some in batches.items():
        row = 0
        for batch in some:
            if not begun:
                decoder.stack(opened(part, batch[:1], 0))
                sink.begin(labels, classes, decoder.size)
                begun = True
            fresh = batch[max(0, sink.there(part) - row) :]
            row += len(batch)
            if len(fresh):
                sink.add(part, decoder.stack(opened(part, fresh, row - len(fresh))))


class InMemory:
    """Images that are gathered in memory, which is taken once for all of them."""

    parts: dict[str, ImageSet]

    def begin(self, labels: Mapping[str, Tensor], classes: tuple[str, ...], size: tuple[int, int, int]) -> None:
        """Take the memory."""
        self._x = {part: torch.empty((len(y), *size), dtype=torch.uint8) for part, y in labels.items()}
        self._rows = dict.fromkeys(labels, 0)
        self.parts = {part: ImageSet(self._x[part], y, classes) for part, y in labels.items()}

    def there(self, part: str) -> int:
        """How many images of a part there are."""
        return self._rows[part]

    def add(self, part: str, x: Tensor) -> None:
        """The next images of a part."""
        self._x[part][self._rows[part] : self._rows[part] + len(x)] = x
        self._rows[part] += len(x)


class Growing:
    """A safetensors file of labels and images, written in order beside the place where it will stand.

    How far it has come is noted only when that is safely on disk. Another process that gathers the same takes it up
    there; it must hold the lock.

    Args:
        path: where the file will stand.
        labels, classes, size: as `Sink.begin`.
    Raises:
        DataError: the folder cannot be written, or has not enough space.
    """

    def __init__(
        self,
        path: Path,
        labels: Mapping[str, Tensor],
        classes: tuple[str, ...],
        size: tuple[int, int, int],
    ) -> None:
        self._path, self._labels, self._classes, self._size = path, labels, classes, size
        self._aside, self._note = unfinished(path)
        self._each = size[0] * size[1] * size[2]
        numbers = {f"{part}.{name}": Entry(torch.int64, (len(y),)) for part, y in labels.items() for name in _NUMBERS}
        images = {f"{part}.x": Entry(torch.uint8, (len(y), *size)) for part, y in labels.items()}
        self._layout = Layout({**numbers, **images})
        self._head = self._head_with(dict.fromkeys(labels, "0" * 64), dict.fromkeys(labels, 0))
        self._places, self._end = self._layout.places(self._head)
        self._rows = dict.fromkeys(labels, 0)
        self._unnoted = 0
        with self._written():
            self._take_up()

    def there(self, part: str) -> int:
        """How many images of a part are in the file."""
        return self._rows[part]

    def add(self, part: str, x: Tensor) -> None:
        """Write the next images of a part."""
        with self._written():
            self._file.seek(self._places[f"{part}.x"] + self._rows[part] * self._each)
            self._file.write(as_bytes(x))
            self._rows[part] += len(x)
            self._unnoted += len(x) * self._each
            if self._unnoted >= _SAFE_EVERY:
                self._be_safe()

    def finish(self, progress: Progress | None) -> None:
        """Compute checksums and digests, and move the file to its place."""
        with self._written():
            self._be_safe()
            digests, sums = {}, {}
            for part, y in self._labels.items():
                digests[part], checksums = self._looked_through(part, progress)
                sums[part] = crc(y, checksums)
                self._write(f"{part}.y", y)
                self._write(f"{part}.checksums", checksums)
            self._file.seek(0)
            self._file.write(self._head_with(digests, sums))
            self._file.flush()
            os.fsync(self._file.fileno())
            self.close()
            os.replace(self._aside, self._path)
            self._note.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave the file as it is, for a later attempt."""
        with self._written():
            self._file.close()

    def _head_with(self, digests: Mapping[str, str], sums: Mapping[str, int]) -> bytes:
        """The head of the file, which is as long whatever these are."""
        return self._layout.head({"blackthorn": described(self._classes, digests, sums)})

    def _take_up(self) -> None:
        """Open the file that is there, or begin one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        known = self._noted()
        if known is None:
            self._aside.unlink(missing_ok=True)
        else:
            self._rows = known
        left = self._end - sum(self._rows.values()) * self._each
        free = shutil.disk_usage(self._path.parent).free
        if left > free:
            raise DataError(
                f"{self._path.parent}: the images take {in_words(left)} on disk, and {in_words(free)} are free; make "
                "room, or set BLACKTHORN_CACHE to a folder on another disk"
            )
        self._file = open(self._aside, "r+b" if known is not None else "w+b")  # noqa: SIM115  # closed when finished
        if known is None:
            self._file.write(self._head)
            self._file.truncate(self._end)

    def _noted(self) -> dict[str, int] | None:
        """How many images of each part an earlier attempt has written; None where it left nothing of use."""
        try:
            with open(self._aside, "rb") as file:
                same = file.read(len(self._head)) == self._head and os.fstat(file.fileno()).st_size == self._end
            known = json.loads(self._note.read_text("ascii"))
            rows = {part: int(known[part]) for part in self._labels}
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return rows if same and all(0 <= rows[part] <= len(y) for part, y in self._labels.items()) else None

    def _be_safe(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        write_whole(self._note, json.dumps(self._rows).encode())
        self._unnoted = 0

    def _write(self, name: str, numbers: Tensor) -> None:
        self._file.seek(self._places[name])
        self._file.write(as_bytes(numbers))

    def _looked_through(self, part: str, progress: Progress | None) -> tuple[str, Tensor]:
        """The digest of a part, as `digest`, and the checksum of each image."""
        y, each = self._labels[part], self._each
        content = begun_digest((len(y), *self._size), len(self._classes))
        checksums: list[int] = []
        self._file.seek(self._places[f"{part}.x"])
        some = max(1, _CHUNK // each)
        for first in range(0, len(y), some):
            read = self._file.read(min(some, len(y) - first) * each)
            content.update(read)
            checksums += checksums_of(read, each)
            if progress is not None:
                progress(f"checking {part}", min(first + some, len(y)), len(y))
        content.update(as_bytes(y))
        return content.hexdigest(), torch.tensor(checksums, dtype=torch.int64)

    def _written(self) -> "_Refusing":
        return _Refusing(self._path, self._end)


class _Refusing:
    """What the system says against writing, in one line that says what to do."""

    def __init__(self, path: Path, size: int) -> None:
        self._path, self._size = path, size

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, problem: BaseException | None, _: object) -> None:
        if isinstance(problem, OSError):
            raise not_written(self._path.parent, problem, self._size) from None


def not_written(folder: Path, problem: OSError, size: int | None = None) -> DataError:
    """The complaint about a folder that cannot be written, where images are kept that do not fit into memory."""
    much = "" if size is None else f" of {in_words(size)}"
    return DataError(
        f"{folder}: cannot be written ({problem.strerror or problem}), and images{much} that do not fit into memory "
        "are kept there; set BLACKTHORN_CACHE to a folder with space, or allow more memory (data.memory)"
    )


def unfinished(path: Path) -> tuple[Path, Path]:
    """Where a file grows that will stand at `path`, and the note of how far it has come."""
    return path.with_suffix(".unfinished"), path.with_suffix(".unfinished.json")


def described(classes: tuple[str, ...], digests: Mapping[str, str], sums: Mapping[str, int]) -> str:
    """What a file of decoded images says about itself: as long whatever digests and sums are."""
    return json.dumps(
        {"classes": classes, "digests": digests, "sums": {part: f"{one:08x}" for part, one in sums.items()}}
    )


def begun_digest(shape: tuple[int, ...], classes: int) -> "hashlib._Hash":
    """The sha256 of a part, which the bytes of its images and then of its labels are still to be added to."""
    return hashlib.sha256(f"{shape} {classes}".encode())


def checksums_of(images: memoryview | bytes, each: int) -> Iterator[int]:
    """The CRC-32 of each image."""
    view = memoryview(images)
    return (zlib.crc32(view[first : first + each]) for first in range(0, len(view), each))


def crc(*tensors: Tensor) -> int:
    """The CRC-32 of tensors, one after the other."""
    total = 0
    for tensor in tensors:
        total = zlib.crc32(as_bytes(tensor), total)
    return total


def as_bytes(tensor: Tensor) -> memoryview:
    """The bytes of a tensor on the CPU, not copied where it is contiguous."""
    return tensor.numpy().reshape(-1).view(np.uint8).data
