"""Decoded images kept on disk: one safetensors file for each source, read into memory, or served from where it is.

Files appear whole or not at all. They are checked when they are read, and made again when they are damaged. For images
that fit into memory, a folder that cannot be written costs time, and is no error. Old files are never removed; delete
the folder to do so.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from ..errors import DataError
from ..files import cache_folder, move_into_place, tidy
from ..types import Progress
from .gathering import (
    Growing,
    InMemory,
    Sink,
    as_bytes,
    begun_digest,
    checksums_of,
    crc,
    described,
    not_written,
    unfinished,
)
from .images import ImageSet
from .layout import offset_of
from .on_disk import Block, OnDisk, Stored

_FORMAT = 2  # raised whenever the same source would be decoded to other pixels, labels or names


@dataclass(frozen=True, eq=False)
class Decoded:
    """The parts of a source (train, test, validation) and the sha256 of the content of each."""

    parts: dict[str, ImageSet]
    digests: dict[str, str]


def cached(
    name: str, key: object, read: Callable[[Sink], None], *, most: int, progress: Progress | None = None
) -> Decoded:
    """What `read` gives, from the cache where it is there.

    Of several processes that want the same, one reads and the others wait for it.

    Args:
        name: what the file is called.
        key: JSON that changes whenever `read` would give something else.
        read: hands images to a sink.
        most: bytes of images that are held in memory; more stay on disk.
        progress: called with (text, images done, images).
    Raises:
        DataError: images that do not fit into memory cannot be kept on disk.
    """
    text = json.dumps([_FORMAT, key], sort_keys=True)
    path = cache_folder() / "data" / f"{name[:80]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.safetensors"
    found = _load(path, most)
    if found is not None:
        return found
    with ExitStack() as stack:
        unlocked = None
        try:
            stack.enter_context(_alone(path, progress))
        except (OSError, NotImplementedError) as problem:
            unlocked = problem  # no lock, no harm in memory: the last one to finish wins, with the same content
        found = _load(path, most)
        if found is not None:
            return found
        with closing(_Gathering(path, most, unlocked, progress)) as gathering:
            read(gathering)
            return gathering.finish()


@contextmanager
def _alone(path: Path, progress: Progress | None) -> Iterator[None]:
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        if progress is not None:
            progress("another process is decoding the images", 0, 0)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


class _Gathering:
    """A sink that decides by size where images go."""

    def __init__(self, path: Path, most: int, unlocked: Exception | None, progress: Progress | None) -> None:
        self._path, self._most, self._unlocked, self._progress = path, most, unlocked, progress
        self._kept: InMemory | Growing | None = None
        self._done = self._images = 0

    def begin(self, labels: Mapping[str, Tensor], classes: tuple[str, ...], size: tuple[int, int, int]) -> None:
        """Decide."""
        self._images = sum(map(len, labels.values()))
        needed = self._images * size[0] * size[1] * size[2]
        if needed <= self._most:
            self._kept = InMemory()
            self._kept.begin(labels, classes, size)
            return
        if self._unlocked is not None:
            refused = self._unlocked
            raise not_written(
                self._path.parent, refused if isinstance(refused, OSError) else OSError(str(refused)), needed
            )
        self._kept = Growing(self._path, labels, classes, size)
        self._done = sum(map(self._kept.there, labels))

    def there(self, part: str) -> int:
        """How many images of a part are there already."""
        assert self._kept is not None  # by `begin`
        return self._kept.there(part)

    def add(self, part: str, x: Tensor) -> None:
        """The next images of a part."""
        assert self._kept is not None  # by `begin`
        self._kept.add(part, x)
        self._done += len(x)
        if self._progress is not None:
            self._progress("decoding the images, once", self._done, self._images)

    def close(self) -> None:
        """Leave the file as it is, for a later attempt."""
        if isinstance(self._kept, Growing):
            self._kept.close()

    def finish(self) -> Decoded:
        """What was gathered; it is kept in the cache."""
        assert self._kept is not None  # by `begin`
        if isinstance(self._kept, InMemory):
            parts = self._kept.parts
            decoded = Decoded(parts, {part: _digest(images) for part, images in parts.items()})
            _store(self._path, decoded)
            return decoded
        self._kept.finish(self._progress)
        found = _load(self._path, self._most)
        if found is None:
            raise DataError(f"{self._path}: cannot be read back; delete this file and run again")
        return found


def _load(path: Path, most: int) -> Decoded | None:
    """The content of a cache file; None when there is none or it is damaged."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["blackthorn"])
            classes, parts = tuple(about["classes"]), {}
            shapes = {part: tuple(file.get_slice(f"{part}.x").get_shape()) for part in about["digests"]}
            on_disk = sum(torch.Size(shape).numel() for shape in shapes.values()) > most
            for part, shape in shapes.items():
                y, checksums = file.get_tensor(f"{part}.y"), file.get_tensor(f"{part}.checksums")
                if f"{crc(y, checksums):08x}" != about["sums"][part]:
                    return None
                if on_disk:
                    y, checksums = (
                        y.clone(),
                        checksums.clone(),
                    )  # they are mapped, and a file may be cut while it is used
                    x = _stored(path, f"{part}.x", shape, checksums, most)
                    parts[part] = ImageSet(OnDisk(x, torch.arange(len(y))), y, classes)
                    continue
                held = file.get_tensor(f"{part}.x")
                if list(checksums_of(as_bytes(held), held[:1].numel() or 1)) != checksums.tolist():
                    return None
                parts[part] = ImageSet(held, y, classes)
            return Decoded(parts, about["digests"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return None


def _stored(path: Path, name: str, shape: tuple[int, ...], checksums: Tensor, most: int) -> Stored:
    images, channels, height, width = shape
    return Stored((Block(path, offset_of(path, name), images),), (channels, height, width), most, checksums)


def _store(path: Path, decoded: Decoded) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {}
    for part, images in decoded.parts.items():
        x = images.x[:]
        checksums = torch.tensor([*checksums_of(as_bytes(x), x[:1].numel() or 1)], dtype=torch.int64)
        tensors |= {f"{part}.x": x, f"{part}.y": images.y, f"{part}.checksums": checksums}
    sums = {part: crc(tensors[f"{part}.y"], tensors[f"{part}.checksums"]) for part in decoded.parts}
    about = described(next(iter(decoded.parts.values())).classes, decoded.digests, sums)
    try:
        tidy(path)
        # In a folder of its own, since safetensors has temporary files too.
        with TemporaryDirectory(prefix=f".{path.name}.", suffix=".partial", dir=path.parent) as aside:
            file = Path(aside) / "images"
            save_file(tensors, file, metadata={"blackthorn": about})
            move_into_place(file, path)
        for left in unfinished(path):
            left.unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        logging.getLogger(__name__).info("decoded images are not kept in %s: %s", path.parent, error)


def _digest(images: ImageSet) -> str:
    content = begun_digest(tuple(images.x.shape), len(images.classes))
    content.update(as_bytes(images.x[:]))
    content.update(as_bytes(images.y))
    return content.hexdigest()


def fingerprint(digests: Mapping[str, str], chosen: Mapping[str, tuple[str, Tensor]]) -> str:
    """16 hexadecimal digits: the content of the parts, and the positions that each split takes from them."""
    total = hashlib.sha256()
    for split, (part, index) in sorted(chosen.items()):
        total.update(f"{split} {part} {digests[part]} {len(index)}".encode())
        total.update(as_bytes(index))
    return total.hexdigest()[:16]
