"""From the name of a data set to its folder, if there is one."""

import os
import re
from pathlib import Path

from ..errors import DataError, did_you_mean

# The names people say -> the ids their data sets have on the hub.
_HUB_NAMES = {
    "mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


def data_root(given: str | os.PathLike[str] | None) -> Path | None:
    """The folder in which data sets are looked up by name: the argument, else BLACKTHORN_DATA, else none.

    Raises:
        DataError: there is no such folder.
    """
    text = os.fspath(given) if given is not None else os.environ.get("BLACKTHORN_DATA", "")
    if not text:
        return None
    root = Path(os.path.expanduser(text))
    if not root.is_dir():
        option = "data_root" if given is not None else "BLACKTHORN_DATA"
        raise DataError(f"{option}: there is no folder {root}; give one that holds data sets, or none")
    return root


def local_folder(name: str, root: Path | None) -> Path | None:
    """The folder meant: the name under the root, the path itself, the last word of a hub id under the root.

    Raises:
        DataError: the name is that of a file.
    """
    places = [root / name] if root else []
    places.append(Path(os.path.expanduser(name)))
    if root and _HUB_ID.fullmatch(name):
        places += [root / _HUB_NAMES.get(name, name), root / name.rpartition("/")[2]]
    for place in places:
        if place.is_dir():
            return place.resolve()
    for place in places:
        if place.is_file():
            raise DataError(f"{place}: is a file; give the folder that holds it")
    return None


def hub_id(name: str) -> str | None:
    """The id of a data set on the hub; None when the name cannot be one."""
    return _HUB_NAMES.get(name, name) if _HUB_ID.fullmatch(name) else None


def no_such_folder(name: str, root: Path | None) -> str:
    """The beginning of an error message: what is not there, and what there is."""
    if root is None:
        return f"{name}: no such folder"
    there = [place.name for place in root.iterdir() if place.is_dir() and not place.name.startswith(".")]
    return f"{name}: no such folder, here or in {root} ({did_you_mean(name, ['digits', *there]).rstrip('.')})"
