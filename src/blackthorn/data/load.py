"""`load_data`: one call from a name to three sets of images."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from ..errors import DataError
from .cache import Decoded, cached, fingerprint
from .card import UNKNOWN, license_of
from .decode import Decoder, Mode
from .images import ImageSet, Splits
from .listing import content
from .locate import data_root as root_of
from .locate import hub_id, local_folder, no_such_folder
from .splits import divide

_DIGITS_LICENSE = "cc-by-4.0"  # of the UCI repository's "Optical recognition of handwritten digits"


def load_data(
    source: str | os.PathLike[str],
    *,
    data_root: str | os.PathLike[str] | None = None,
    resize: int | Sequence[int] | None = None,
    mode: str | None = None,
    valid: int | float | None = None,
    train: int | None = None,
    test: int | None = None,
) -> Splits:
    """Read labelled images as uint8 tensors, divided into train, valid and test.

    `source` is `digits` (embedded, 8 x 8), a folder of parquet files or of images by class, or a Hugging Face
    hub id such as `ylecun/mnist`; `id:config` names one of several configurations. A folder `ylecun/mnist` or
    `mnist` under `data_root` comes before the hub. Image and label columns are found by type. The first
    reading decodes the images and keeps them in `BLACKTHORN_CACHE` (else ~/.cache/blackthorn); later ones
    take a moment and need no network.

    Args:
        source: what to read.
        data_root: where folders are looked up by name; else the environment variable BLACKTHORN_DATA.
        resize: bring images to this (height, width), or to a square; bilinear with antialiasing.
        mode: convert images to "L" (one channel) or "RGB" (three).
        valid: how many validation images, a whole number or a fraction below 1, 0 for none: the last ones of
            train. By default the source's own, else a tenth of train and at most 5,000.
        train: use at most so many training images, a fixed choice.
        test: use at most so many test images, a fixed choice.

    Raises:
        DataError: names the folder, file, column or row, and what to write instead.
    """
    wanted = _size(resize), _mode(mode)
    name, license, decoded = _find(os.fspath(source), root_of(data_root), *wanted)
    labels = {part: images.y for part, images in decoded.parts.items()}
    chosen = divide(labels, valid=valid, train=train, test=test)
    sets = {split: _take(decoded.parts[part], index) for split, (part, index) in chosen.items()}
    return Splits(**sets, name=name, fingerprint=fingerprint(decoded.digests, chosen), license=license)


def _find(source: str, root: Path | None, size: tuple[int, int] | None, mode: Mode | None) -> tuple[str, str, Decoded]:
    """Name, license, images.

    The readers are imported only when the cache has nothing: importing them takes most of a second.
    """
    if not source:
        raise DataError("source: read an empty text; write digits, a folder, or a hub id such as ylecun/mnist")
    if source == "digits":

        def digits() -> dict[str, ImageSet]:
            from .digits import read_digits

            return read_digits(Decoder(size, mode))

        return source, _DIGITS_LICENSE, cached(source, ["digits", size, mode], digits)

    name, _, config = (source, "", "") if Path(source).exists() else source.partition(":")
    folder = local_folder(name, root)
    if folder is not None:

        def local() -> dict[str, ImageSet]:
            from .hub import read_folder

            return read_folder(folder, config or None, Decoder(size, mode))

        key = ["folder", str(folder), config, content(folder), size, mode]
        return folder.name, license_of(folder), cached(folder.name, key, local)

    identity = hub_id(name)
    if identity is None:
        raise DataError(f"{no_such_folder(name, root)}; give one, or digits, or a hub id such as ylecun/mnist")

    def remote() -> dict[str, ImageSet]:
        from .hub import read_hub

        return read_hub(identity, config or None, Decoder(size, mode))

    try:
        return identity, UNKNOWN, cached(identity.replace("/", "--"), ["hub", identity, config, size, mode], remote)
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


def _mode(mode: str | None) -> Mode | None:
    for known in get_args(Mode):
        if mode == known:
            return known  # type: ignore[no-any-return]  # get_args has no precise type
    if mode is not None:
        raise DataError(f"mode: read {mode!r}; write RGB (three channels) or L (one)")
    return None


def _take(images: ImageSet, index: Tensor) -> ImageSet:
    """The images at these positions; of consecutive ones a view, which leaves a mapped file on disk."""
    if len(index) and torch.equal(index, torch.arange(int(index[0]), int(index[0]) + len(index))):
        return images.subset(slice(int(index[0]), int(index[0]) + len(index)))
    return images.subset(index)
