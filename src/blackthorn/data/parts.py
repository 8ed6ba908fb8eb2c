"""Long work on many images: done part by part, each kept in a file, so that killed work goes on where it was."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..errors import StoreError
from ..files import write_whole
from .layout import offset_of
from .on_disk import Block, OnDisk, Stored

_PARTS = 20  # at least, where there are as many batches: a killed attempt loses a twentieth of its work


@dataclass(frozen=True, eq=False)
class Part:
    """What was made of some of the images."""

    tensors: Mapping[str, Tensor]
    warnings: tuple[str, ...] = ()


def in_parts(
    make: Callable[[int, slice], Part], images: int, batch_size: int, folder: Path | None, settings: str
) -> Iterator[Part]:
    """`make(number, rows)` for the rows of each part, in order; what an earlier attempt left in `folder` is not made.

    Parts are made as they are asked for; whoever keeps none of them needs memory for one.

    Args:
        make: does a part.
        images: how many there are.
        batch_size: a part is a number of whole batches.
        folder: where each part is kept as soon as it is made, until `forget`; None keeps none.
        settings: everything that decides what is made, in words; parts of other work are refused.
    Raises:
        StoreError: a file in the folder is damaged, or of other work.
        OSError: the folder cannot be written.
    """
    for number, rows in enumerate(_rows(images, batch_size)):
        path = None if folder is None else _file(folder, number)
        if path is None or not path.exists():
            part = make(number, rows)
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                _save(path, part, settings)
        else:
            part = _load(path, settings)
        yield part


def forget(folder: Path, images: int, batch_size: int) -> None:
    """Remove the parts: the whole has been kept."""
    for number, _ in enumerate(_rows(images, batch_size)):
        _file(folder, number).unlink(missing_ok=True)


def kept_on_disk(name: str, folder: Path, images: int, batch_size: int, stored: Stored) -> OnDisk:
    """The images of a name in all parts of a folder, which stay there; of the size of those that are `stored`."""
    paths = [(_file(folder, number), rows.stop - rows.start) for number, rows in enumerate(_rows(images, batch_size))]
    blocks = tuple(Block(path, offset_of(path, name), count) for path, count in paths)
    return OnDisk(replace(stored, blocks=blocks, checksums=None), torch.arange(images))


def _rows(images: int, batch_size: int) -> Iterator[slice]:
    batches = -(-images // batch_size)
    size = batch_size * max(1, batches // _PARTS)
    yield from (slice(first, min(first + size, images)) for first in range(0, images, size))


def _file(folder: Path, number: int) -> Path:
    return folder / f"part-{number:04}.safetensors"


def _save(path: Path, part: Part, settings: str) -> None:
    from safetensors.torch import save

    tensors = {name: tensor.cpu().contiguous() for name, tensor in part.tensors.items()}
    write_whole(path, save(tensors, {"settings": settings, "warnings": json.dumps(part.warnings)}))


def _load(path: Path, settings: str) -> Part:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
            part = Part(tensors, tuple(map(str, json.loads(about["warnings"]))))
    except (OSError, SafetensorError, ValueError, TypeError, KeyError) as problem:
        raise StoreError(f"{path}: cannot be read ({problem}); delete the folder {path.parent} and run again") from None
    if about.get("settings") != settings:
        raise StoreError(f"{path}: is a part of other work; delete the folder {path.parent}, or give another one")
    return part
