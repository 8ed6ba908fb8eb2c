"""The images that a recipe makes, as stages keep them for others to train on: in memory or on disk, as those of the
data set are.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor

from ..data import ImageSet, OnDisk, pixels
from ..data.cache import cached
from ..data.card import CARD
from ..data.decode import Decoder
from ..data.gathering import InMemory, Sink
from ..data.hub import read_folder
from ..data.layout import Entry, Layout, offset_of
from ..data.listing import content
from ..data.on_disk import Block
from ..errors import DataError
from ..files import in_place_of, one_line
from ..seal import check
from .artifacts import damaged

IMAGES = "images.safetensors"


@dataclass(frozen=True)
class MadeImages:
    """Images that a recipe has made."""

    images: ImageSet
    warnings: tuple[str, ...] = ()
    """Why they may be worth less than they seem; what is trained on them carries these on."""


def save_images(path: Path, x: Iterable[Tensor], entry: Entry, y: Tensor, warnings: tuple[str, ...]) -> None:
    """Keep images with their labels and warnings.

    Args:
        path: the file.
        x: the images, some after the others.
        entry: type and shape of all of them.
        y: their labels, int64 (n,).
        warnings: what comes with them.
    Raises:
        OSError: the file cannot be written.
    """
    layout = Layout({"y": Entry(torch.int64, tuple(y.shape)), "x": entry})
    with in_place_of(path) as aside, open(aside, "wb") as file:
        file.write(layout.head({"warnings": json.dumps(warnings)}))
        for tensor in chain([y], x):
            file.write(tensor.cpu().contiguous().numpy().data)


def load_images(path: Path, like: ImageSet) -> MadeImages:
    """Read images back: into memory, or to be served from the file where the images `like` which they are stay on disk.

    Raises:
        StoreError: the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        check(path)
        with safe_open(path, "pt") as file:
            warnings = json.loads(file.metadata()["warnings"])
            y = file.get_tensor("y")
            if isinstance(like.x, OnDisk):
                block = Block(path, offset_of(path, "x"), len(y))
                stored = replace(like.x.stored, blocks=(block,), checksums=None)  # the file has just been checked
                images = ImageSet(OnDisk(stored, torch.arange(len(y))), y, like.classes)
            else:
                images = ImageSet(file.get_tensor("x"), y, like.classes)
        if images.x.is_floating_point():
            pixels(images.x)  # refuses what lies outside [0, 1]
        return MadeImages(images, tuple(map(str, warnings)))
    except (OSError, SafetensorError, DataError, ValueError, TypeError, KeyError) as problem:
        raise damaged(path, str(problem)) from None


def load_training_images(folder: Path, like: ImageSet) -> ImageSet:
    """Read the training images of a data set back that is a stage's folder: into memory or not, as `load_images`.

    Raises:
        StoreError: a file is missing or damaged.
    """

    def read(sink: Sink) -> None:
        read_folder(folder, None, Decoder(), sink)

    try:
        for path in (folder / CARD, *sorted(folder.glob("*.parquet"))):
            check(path)
        if isinstance(like.x, OnDisk):
            made = ["made", str(folder.resolve()), content(folder)]
            return cached(folder.name, made, read, most=like.x.stored.most).parts["train"]
        sink = InMemory()
        read(sink)
        return sink.parts["train"]
    except (OSError, ValueError) as problem:
        raise damaged(folder / CARD, one_line(problem)) from None
