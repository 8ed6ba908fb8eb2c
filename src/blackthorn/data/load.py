"""`load_data`: one call from a name to three sets of images."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from ..errors import DataError, did_you_mean
from .cache import Decoded, cached, fingerprint, state
from .decode import Decoder, Mode
from .images import ImageSet, Splits
from .splits import divide

# The names people say -> the ids their data sets have on the hub.
_HUB_NAMES = {
    "mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


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

    `source` is `digits` (embedded, 8 x 8), a folder of parquet files or of images by class, or a Hugging Face hub id such
    as `ylecun/mnist`; `id:config` names one of several configurations. A folder `ylecun/mnist` or `mnist` under
    `data_root` comes before the hub. Image and label columns are found by type. The first reading decodes the images and
    keeps them in `BLACKTHORN_CACHE` (else ~/.cache/blackthorn); later ones take a moment and need no network.

    Args:
        data_root: where folders are looked up by name; else the environment variable BLACKTHORN_DATA.
        resize: bring images to this (height, width), or to a square; bilinear with antialiasing.
        mode: convert images to "L" (one channel) or "RGB" (three).
        valid: how many validation images, a whole number or a fraction below 1, 0 for none; the last ones of train.
            By default the source's own, else a tenth of train and at most 5,000.
        train, test: use at most so many images of these splits, a fixed choice.

    Raises:
        DataError: names the folder, file, column or row, and what to write instead.
    """
    size, kind = _size(resize), _mode(mode)
    name, decoded = _find(os.fspath(source), _root(data_root), size, kind)
    chosen = divide(
        {part: images.y for part, images in decoded.parts.items()}, valid=valid, train=train, test=test
    )
    sets = {split: _take(decoded.parts[part], index) for split, (part, index) in chosen.items()}
    return Splits(**sets, name=name, fingerprint=fingerprint(decoded.digests, chosen))


def _find(
    source: str, root: Path | None, size: tuple[int, int] | None, mode: Mode | None
) -> tuple[str, Decoded]:
    """The readers themselves are imported only when the cache has nothing: they take most of a second to load."""
    if source == "digits":

        def digits() -> dict[str, ImageSet]:
            from .digits import read_digits

            return read_digits(Decoder(size, mode))

        return source, cached(source, ["digits", size, mode], digits)

    name, _, config = (source, "", "") if Path(source).exists() else source.partition(":")
    folder = _folder(name, root)
    if folder is not None:

        def local() -> dict[str, ImageSet]:
            from .hub import read_folder

            return read_folder(folder, config or None, Decoder(size, mode))

        return folder.name, cached(
            folder.name, ["folder", str(folder), config, state(folder), size, mode], local
        )

    if not _HUB_ID.fullmatch(name):
        raise DataError(f"{source}: no such folder{_near(name, root)}")
    identity = _HUB_NAMES.get(name, name)

    def remote() -> dict[str, ImageSet]:
        from .hub import read_hub

        return read_hub(identity, config or None, Decoder(size, mode))

    try:
        return identity, cached(identity.replace("/", "--"), ["hub", identity, config, size, mode], remote)
    except ConnectionError as error:
        place = root or "DIR"
        raise DataError(
            f"{source}: no such folder{_near(name, root)}, and the Hugging Face hub {error}; put the files of the data "
            f"set in {place}/{name} and give data_root={place} (or BLACKTHORN_DATA), or use digits, which is built in"
        ) from None


def _folder(name: str, root: Path | None) -> Path | None:
    """The folder meant by a name: under the root, then the path itself, then the last word of a hub id under the root."""
    places = [root / name] if root else []
    places.append(Path(name).expanduser())
    if root and _HUB_ID.fullmatch(name):
        places += [root / _HUB_NAMES.get(name, name), root / name.rpartition("/")[2]]
    for place in places:
        if place.is_dir():
            return place.resolve()
    if places[-1].is_file() or Path(name).is_file():
        raise DataError(f"{name}: is a file; give the folder that holds it")
    return None


def _near(name: str, root: Path | None) -> str:
    if root is None:
        return ""
    known = ["digits", *(place.name for place in root.iterdir() if place.is_dir() and place.name[0] != ".")]
    return f" (also not under {root}: {did_you_mean(name, known).rstrip('.')})"


def _root(given: str | os.PathLike[str] | None) -> Path | None:
    text = os.fspath(given) if given is not None else os.environ.get("BLACKTHORN_DATA", "")
    if not text:
        return None
    root = Path(text).expanduser()
    if not root.is_dir():
        option = "data_root" if given is not None else "BLACKTHORN_DATA"
        raise DataError(
            f"{option}: there is no folder {root}; give one that holds data sets, or leave it out"
        )
    return root


def _size(resize: int | Sequence[int] | None) -> tuple[int, int] | None:
    if resize is None:
        return None
    sides = (
        (resize, resize)
        if isinstance(resize, int)
        else tuple(resize)
        if isinstance(resize, (list, tuple))
        else ()
    )
    if len(sides) != 2 or any(
        isinstance(side, bool) or not isinstance(side, int) or side < 1 for side in sides
    ):
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
    """The images at these positions; consecutive ones are a view, so that mapped files stay on disk until used."""
    if len(index) and torch.equal(index, torch.arange(int(index[0]), int(index[0]) + len(index))):
        return images.subset(slice(int(index[0]), int(index[0]) + len(index)))
    return images.subset(index)
