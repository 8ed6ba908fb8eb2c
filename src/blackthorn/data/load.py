"""`load_data`: one call from a name to three sets of images."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from ..errors import DataError
from ..types import Progress
from .cache import Decoded, cached, fingerprint
from .card import UNKNOWN, license_of
from .decode import Decoder, Mode
from .gathering import Sink
from .images import ImageSet, Splits
from .listing import content
from .locate import data_root as root_of
from .locate import hub_id, local_folder, no_such_folder
from .memory import SHARE, allowed
from .on_disk import OnDisk
from .splits import divide
from .standardize import standardized

_DIGITS_LICENSE = "cc-by-4.0"  # of the UCI repository's "Optical recognition of handwritten digits"


def load_data(
    source: str | os.PathLike[str],
    *,
    data_root: str | os.PathLike[str] | None = None,
    resize: int | Sequence[int] | None = None,
    crop: float | None = None,
    mode: str | None = None,
    standardize: bool = False,
    valid: int | float | None = None,
    train: int | None = None,
    test: int | None = None,
    memory: float | str = SHARE,
    progress: Progress | None = None,
) -> Splits:
    """Read labelled images as uint8 tensors (float32 where `standardize` is set), divided into train, valid and test.

    `source` is `digits` (embedded, 8 x 8), a folder of parquet files or of images by class, or a Hugging Face
    hub id such as `ylecun/mnist`; `id:config` names one of several configurations. A folder `ylecun/mnist` or
    `mnist` under `data_root` comes before the hub. Image and label columns are found by type. The first
    reading decodes the images and keeps them in `BLACKTHORN_CACHE` (else ~/.cache/blackthorn); later ones
    take a moment and need no network. Images that take more than `memory` stay there and are read batch by batch.

    Args:
        source: what to read.
        data_root: where folders are looked up by name; else the environment variable BLACKTHORN_DATA.
        resize: bring images to this (height, width), or to a square; bilinear with antialiasing. A JPEG of more than
            twice that size is decoded at a half, a quarter or an eighth of its own, as Pillow's `thumbnail` does.
        crop: with `resize`, cut out the centre before, so that nothing is stretched: the largest part of that shape,
            times this number of at most 1. ImageNet's custom, 256 and then 224 pixels, is 0.875.
        mode: convert images to "L" (one channel) or "RGB" (three).
        standardize: bring each image to mean 0 and deviation 1, held as 1/2 + s/128: see `standardized`.
        valid: how many validation images, a whole number or a fraction below 1, 0 for none: the last ones of
            train. By default the source's own, else a tenth of train and at most 5,000.
        train: use at most so many training images, a fixed choice.
        test: use at most so many test images, a fixed choice.
        memory: how much of it images may take: a share, 0.25 or "25%", or bytes, such as "2 GiB". It changes where
            images are, and no number.
        progress: called with (text, images done, images) while images are decoded.

    Raises:
        DataError: names the folder, file, column or row, and what to write instead.
    """
    decoder = Decoder(_size(resize), _mode(mode), _crop(crop, resize))
    asked = [_size(resize), _mode(mode), crop]
    most = allowed(memory)
    name, license, decoded = _find(os.fspath(source), root_of(data_root), decoder, asked, most, progress)
    labels = {part: images.y for part, images in decoded.parts.items()}
    chosen = divide(labels, valid=valid, train=train, test=test)
    sets = {split: _take(decoded.parts[part], index) for split, (part, index) in chosen.items()}
    if sum(images.x.nbytes for images in sets.values()) <= most:
        sets = {split: ImageSet(images.x[:], images.y, images.classes) for split, images in sets.items()}
    splits = Splits(**sets, name=name, fingerprint=fingerprint(decoded.digests, chosen), license=license)
    return standardized(splits) if standardize else splits


def _find(
    source: str, root: Path | None, decoder: Decoder, asked: list[Any], most: int, progress: Progress | None
) -> tuple[str, str, Decoded]:
    """Name, license, images; `asked` is how they are decoded, in JSON.

    The readers are imported only when the cache has nothing: importing them takes most of a second.
    """
    if not source:
        raise DataError("source: read an empty text; write digits, a folder, or a hub id such as ylecun/mnist")
    if source == "digits":

        def digits(sink: Sink) -> None:
            from .digits import read_digits

            read_digits(decoder, sink)

        decoded = cached(source, ["digits", *asked], digits, most=most, progress=progress)
        return source, _DIGITS_LICENSE, decoded

    name, _, config = (source, "", "") if Path(source).exists() else source.partition(":")
    folder = local_folder(name, root)
    if folder is not None:

        def local(sink: Sink) -> None:
            from .hub import read_folder
            from .image_folder import read_plain

            if config or not read_plain(folder, decoder, sink):
                read_folder(folder, config or None, decoder, sink)

        key = ["folder", str(folder), config, content(folder), *asked]
        decoded = cached(folder.name, key, local, most=most, progress=progress)
        return folder.name, license_of(folder), decoded

    identity = hub_id(name)
    if identity is None:
        raise DataError(f"{no_such_folder(name, root)}; give one, or digits, or a hub id such as ylecun/mnist")

    def remote(sink: Sink) -> None:
        from .hub import read_hub

        read_hub(identity, config or None, decoder, sink)

    try:
        kept, key = identity.replace("/", "--"), ["hub", identity, config, *asked]
        return identity, UNKNOWN, cached(kept, key, remote, most=most, progress=progress)
    except ConnectionError as error:
        place = root or "DIR"
        raise DataError(
            f"{no_such_folder(name, root)}, and the Hugging Face hub {error}; "
            f"put its files in {place}/{name} and give data_root={place} "
            f"(on the command line --data-root {place}, or BLACKTHORN_DATA={place})"
        ) from None


def _size(resize: int | Sequence[int] | None) -> tuple[int, int] | None:
    if resize is None:
        return None
    sides = tuple(resize) if isinstance(resize, (list, tuple)) else (resize, resize)
    if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
        raise DataError(f"resize: read {resize!r}; write a number of pixels such as 32, or [height, width]")
    return sides[0], sides[1]


def _crop(crop: float | None, resize: object) -> float | None:
    if crop is None:
        return None
    if isinstance(crop, bool) or not isinstance(crop, (int, float)) or not 0 < crop <= 1:
        raise DataError(f"crop: read {crop!r}; write a share above 0 and of at most 1, such as 0.875")
    if resize is None:
        raise DataError(f"crop: read {crop!r}, and no resize, which says what shape is cut out; write resize: 224")
    return crop


def _mode(mode: str | None) -> Mode | None:
    for known in get_args(Mode):
        if mode == known:
            return known  # type: ignore[no-any-return]  # get_args has no precise type
    if mode is not None:
        raise DataError(f"mode: read {mode!r}; write RGB (three channels) or L (one)")
    return None


def _take(images: ImageSet, index: Tensor) -> ImageSet:
    """The images at these positions; of consecutive tensors a view, which leaves a mapped file on disk."""
    if isinstance(images.x, OnDisk):
        return images.subset(index)
    if len(index) and torch.equal(index, torch.arange(int(index[0]), int(index[0]) + len(index))):
        return images.subset(slice(int(index[0]), int(index[0]) + len(index)))
    return images.subset(index)
