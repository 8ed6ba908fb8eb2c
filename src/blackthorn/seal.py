"""Checksums of finished folders: written when a folder is finished, compared whenever one of its files is read.

They guard against damage and against a hand that slipped, and not against somebody who changes both.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from .files import write_whole

SEAL = "checksums.json"


class BrokenSealError(ValueError):
    """A file that is not as it was when its folder was finished; says in which way."""


def seal(folder: Path) -> None:
    """Write the checksums of all files in a folder beside them."""
    write_seal(
        folder, {path.name: _sum(path) for path in sorted(folder.iterdir()) if path.is_file() and path.name != SEAL}
    )


def write_seal(folder: Path, sums: Mapping[str, str]) -> None:
    """Write checksums that are known: name -> sha256."""
    write_whole(folder / SEAL, json.dumps(dict(sums), indent=1).encode())


def sealed(folder: Path) -> dict[str, str] | None:
    """Name -> sha256 of every file of a finished folder; None where it was finished by a version without checksums.

    Raises:
        BrokenSealError: the checksums themselves are damaged.
        OSError: they cannot be read.
    """
    try:
        read = json.loads((folder / SEAL).read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        raise BrokenSealError(f"{SEAL} is damaged") from None
    if not isinstance(read, dict) or not all(isinstance(known, str) for known in read.values()):
        raise BrokenSealError(f"{SEAL} is damaged")
    return read


def check(path: Path) -> None:
    """Compare a file with its checksum, where there is one.

    Raises:
        BrokenSealError: it differs, or was not there when its folder was finished.
        OSError: it cannot be read.
    """
    sums = sealed(path.parent)
    if sums is not None and sums.get(path.name) != _sum(path):
        raise BrokenSealError("its content has changed since it was written")


def _sum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
