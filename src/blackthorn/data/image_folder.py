"""Plain folders of images, SPLIT/CLASS/FILE or CLASS/FILE, read as `datasets` reads them, after one walk.

`datasets` asks some sixty patterns which files belong to which split, and walks through the whole folder for each of
them, which takes longer than to decode small images. Where none of the patterns can say anything else than the names
of the folders do, what it would find is known beforehand. Where anything is unusual, `datasets` is asked.
"""

import os
import re
from pathlib import Path

from .columns import encode
from .decode import Decoder
from .gathering import Sink, poured
from .hub import roles_of

_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"""Names of folders that mean a split, in the order in which `datasets` looks at splits."""
_WORD = re.compile("train|val|dev|test", re.IGNORECASE)
"""Stands in every name that may mean a split."""
_ENDINGS = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
_ROWS = 200  # decoded at a time
_CLASSES = "label"  # what `datasets` calls the column

Found = dict[str, list[tuple[str, str]]]
"""Split -> path and class of each of its images, in the order of `datasets`: by the text of the path."""


def read_plain(folder: Path, decoder: Decoder, sink: Sink) -> bool:
    """Read a plain folder; False, without having begun, for any other.

    Raises:
        DataError: an image cannot be decoded, or there is no split for training.
    """
    found = plain(folder)
    if found is None:
        return False
    roles = roles_of(found, folder.name)
    names = sorted({label for images in found.values() for _, label in images})
    number = {label: k for k, label in enumerate(names)}
    labels = {part: [number[label] for _, label in found[split]] for part, split in roles.items()}
    y, classes = encode(labels, names, _CLASSES, folder.name)

    def opened(part: str, some: list[tuple[str, str]], first: int) -> list[tuple[str, str]]:
        return [(path, f"{folder.name}: {roles[part]} row {row} ({path})") for row, (path, _) in enumerate(some, first)]

    batches = {
        part: [found[split][at : at + _ROWS] for at in range(0, len(found[split]), _ROWS)]
        for part, split in roles.items()
    }
    poured(batches, opened, y, classes, decoder, sink)
    return True


def plain(folder: Path) -> Found | None:
    """The images of a plain folder; None for any other."""
    try:
        top = _entries(folder)
        if all(entry.name in _SPLITS for entry in top):
            found: Found = {_SPLITS[entry.name]: _by_class(entry) for entry in top}
            if len(found) < len(top):  # two folders for one split
                return None
            found = {split: found[split] for split in dict.fromkeys(_SPLITS.values()) if found.get(split)}
        else:
            found = {"train": _by_class(folder)}
            named = (os.path.basename(path) for path, _ in found["train"])
            if any(entry.name == "data" for entry in top) or any(map(_WORD.search, named)):
                return None
    except (_Unusual, OSError):
        return None
    classes = {label for _, label in next(iter(found.values()), ())}
    return found if len(classes) > 1 else None


class _Unusual(Exception):
    """Something in a folder whose meaning is for `datasets` to say."""


def _by_class(folder: "Path | os.DirEntry[str]") -> list[tuple[str, str]]:
    images = []
    for entry in _entries(folder):
        if _WORD.search(entry.name) or not entry.is_dir(follow_symlinks=False):
            raise _Unusual
        for file in _entries(entry):
            _, dot, ending = file.name.partition(".")
            fits = f"{dot}{ending.lower()}" in _ENDINGS and ending in (ending.lower(), ending.upper())
            if not fits or not file.is_file(follow_symlinks=False):
                raise _Unusual
            images.append((file.path, entry.name))
    return sorted(images)


def _entries(folder: "Path | os.DirEntry[str]") -> "list[os.DirEntry[str]]":
    """What is not hidden."""
    found = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    if any(entry.name.startswith("__") for entry in found) or os.path.exists(os.path.join(folder, ".huggingface.yaml")):
        raise _Unusual
    return found
