"""Decoded images kept on disk: one safetensors file for each source, mapped into memory when read again.

Files appear whole or not at all. They are checked when they are read, and made again when they are damaged. A folder
that cannot be written costs time, and is no error. Old files are never removed; delete the folder to do so.
"""

import hashlib
import json
import logging
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from torch import Tensor

from ..files import cache_folder, move_into_place, tidy
from .images import ImageSet

_FORMAT = 1  # raised whenever the same source would be decoded to other pixels, labels or names


@dataclass(frozen=True, eq=False)
class Decoded:
    """The parts of a source (train, test, validation) and the sha256 of the content of each."""

    parts: dict[str, ImageSet]
    digests: dict[str, str]


def cached(name: str, key: object, read: Callable[[], dict[str, ImageSet]]) -> Decoded:
    """What `read()` returns, from the cache where it is there.

    `key` is JSON and must change whenever `read()` would return something else. Of several processes that
    want the same, one reads and the others wait for it.
    """
    text = json.dumps([_FORMAT, key], sort_keys=True)
    path = cache_folder() / "data" / f"{name[:80]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.safetensors"
    found = _load(path)
    if found is not None:
        return found
    with ExitStack() as stack:
        try:
            from filelock import FileLock

            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(f"{path}.lock"))
        except (OSError, NotImplementedError):
            pass  # no lock, no harm: the last one to finish wins, with the same content
        found = _load(path)
        if found is not None:
            return found
        parts = read()
        decoded = Decoded(parts, {part: _digest(images) for part, images in parts.items()})
        _store(path, decoded)
        return decoded


def _load(path: Path) -> Decoded | None:
    """The content of a cache file; None when there is none or it is damaged."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["blackthorn"])
            parts = {}
            for part, checksum in about["checksums"].items():
                x, y = file.get_tensor(f"{part}.x"), file.get_tensor(f"{part}.y")
                if _checksum((x, y)) != checksum:
                    return None
                parts[part] = ImageSet(x, y, tuple(about["classes"]))
            return Decoded(parts, about["digests"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return None


def _store(path: Path, decoded: Decoded) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    parts = decoded.parts
    about = {
        "classes": next(iter(parts.values())).classes,
        "digests": decoded.digests,
        "checksums": {part: _checksum((images.x, images.y)) for part, images in parts.items()},
    }
    tensors = {f"{part}.{name}": getattr(images, name) for part, images in parts.items() for name in ("x", "y")}
    try:
        tidy(path)
        # In a folder of its own, since safetensors has temporary files too.
        with TemporaryDirectory(prefix=f".{path.name}.", suffix=".partial", dir=path.parent) as unfinished:
            file = Path(unfinished) / "images"
            save_file(tensors, file, metadata={"blackthorn": json.dumps(about)})
            move_into_place(file, path)
    except (OSError, SafetensorError) as error:
        logging.getLogger(__name__).info("decoded images are not kept in %s: %s", path.parent, error)


def _checksum(tensors: Iterable[Tensor]) -> int:
    """Guards against damage, and quickly: it runs over every pixel at every load (1 GB in 0.2 s)."""
    total = 0
    for tensor in tensors:
        total = zlib.crc32(_bytes(tensor), total)
    return total


def _digest(images: ImageSet) -> str:
    content = hashlib.sha256(f"{tuple(images.x.shape)} {len(images.classes)}".encode())
    content.update(_bytes(images.x))
    content.update(_bytes(images.y))
    return content.hexdigest()


def fingerprint(digests: Mapping[str, str], chosen: Mapping[str, tuple[str, Tensor]]) -> str:
    """16 hexadecimal digits: the content of the parts, and the positions that each split takes from them."""
    total = hashlib.sha256()
    for split, (part, index) in sorted(chosen.items()):
        total.update(f"{split} {part} {digests[part]} {len(index)}".encode())
        total.update(_bytes(index))
    return total.hexdigest()[:16]


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.numpy().reshape(-1).view(np.uint8).data
