"""Which store a name means."""

import os
import re
from pathlib import Path

from ..errors import StoreError
from .bucket import Bucket
from .folder import Folder
from .store import Store

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_S3 = re.compile(r"s3:/+", re.IGNORECASE)  # a `pathlib.Path` of it has lost a slash


def store_at(name: str | os.PathLike[str]) -> Store:
    """The store of that name: a folder, which is made if it is not there, or `s3://BUCKET/PREFIX`.

    Raises:
        StoreError: there can be none of that name, or the folder cannot be made or written.
    """
    name = os.fspath(name)
    if found := _S3.match(name):
        return Bucket(name[found.end() :])
    if found := _URL.match(name):
        raise StoreError(f"--store {name}: there are no stores at {found[1]}://; write a folder, or s3://BUCKET/PREFIX")
    return Folder(Path(name))


def lacks(name: str | os.PathLike[str]) -> str:
    """What to say of a name of which there is no store."""
    folder = Path(name)
    of_a_folder = not _URL.match(os.fspath(name)) and not _S3.match(os.fspath(name))
    return "there is no such folder" if of_a_folder and not folder.is_dir() else "there is no store"


def is_store(name: str | os.PathLike[str]) -> bool:
    """Whether there is a store of that name; looking makes none.

    Raises:
        StoreError: there can be none of that name, or the bucket cannot be read.
    """
    if _URL.match(os.fspath(name)) or _S3.match(os.fspath(name)):
        found = store_at(name)
        return isinstance(found, Bucket) and found.begun()
    return (Path(name) / "stages").is_dir()
