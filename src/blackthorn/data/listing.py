"""The files of a folder of images: which there are, whether they can be read, and what stands for their content."""

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path

from ..errors import DataError
from ..files import cache_folder, write_whole

_MOST = 5_000_000  # files; ImageNet has 1.4 million, and all images must fit into memory
_AT_ONCE = 64  # files that one thread reads
_SETTLED = 2.0  # seconds after its last change in which a file may change again and show the same time


def content(folder: Path) -> str:
    """64 hexadecimal digits that stand for the names and the bytes of all files in a folder; hidden ones are left out.

    Every byte is read once. As long as the system says that nothing was touched since (size, inode, and the time of the
    last change, which programs such as `tar` cannot set), the digits are those that were found then.

    Raises:
        DataError: files cannot be read, or there are more than five million; links lead nowhere, or in a circle.
    """
    found = _files(folder)
    touched = hashlib.sha256(json.dumps([str(folder), found]).encode()).hexdigest()
    known = cache_folder() / "data" / f"content-{touched[:32]}"
    with suppress(OSError, ValueError):
        digits = known.read_text("ascii")
        if len(digits) == 64 and set(digits) <= set("0123456789abcdef"):
            return digits
    newest = max((entry[3] for entry in found), default=0) / 1e9
    settled = not 0 <= time.time() - newest < _SETTLED
    total, refused = hashlib.sha256(), []
    some = [found[first : first + _AT_ONCE] for first in range(0, len(found), _AT_ONCE)]
    with ThreadPoolExecutor(os.cpu_count()) as side_by_side:
        for (name, size, *_), digest in zip(
            found, chain.from_iterable(side_by_side.map(partial(_digests, folder), some))
        ):
            if isinstance(digest, bytes):
                total.update(json.dumps([name, size]).encode())
                total.update(digest)
            else:
                refused.append((name, digest))
    _refuse(folder, refused)
    digits = total.hexdigest()
    if settled:
        with suppress(OSError):
            known.parent.mkdir(parents=True, exist_ok=True)
            write_whole(known, digits.encode())
    return digits


def _digests(folder: Path, files: Sequence[tuple[str, int, int, int, int]]) -> list[bytes | str]:
    """The sha256 of each file, or why it cannot be read."""
    found: list[bytes | str] = []
    for name, *_ in files:
        try:
            with open(folder / name, "rb") as file:
                found.append(hashlib.file_digest(file, "sha256").digest())
        except OSError as problem:
            found.append(problem.strerror or "not readable")
    return found


def _files(folder: Path) -> list[tuple[str, int, int, int, int]]:
    """Name, size, time of writing, time of change and inode of every file that is not hidden, by name."""
    if folder == folder.parent:
        raise DataError(f"{folder}: holds every file of this machine; give the folder that holds the images")
    found: list[tuple[str, int, int, int, int]] = []
    refused: list[tuple[str, str]] = []
    for path, problem in _walk(str(folder), ()):
        name = path[len(str(folder)) + 1 :] or "."
        if problem:
            refused.append((name, problem))
            continue
        try:
            about = os.stat(path)
        except OSError as missing:
            linked = os.path.islink(path)
            refused.append((name, "a link that leads nowhere" if linked else missing.strerror or "not readable"))
            continue
        if not stat.S_ISREG(about.st_mode):
            refused.append((name, "no ordinary file"))
        found.append((name, about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino))
        if len(found) > _MOST:
            raise DataError(f"{folder}: holds more than {_MOST:,} files; give the folder that holds the images")
    _refuse(folder, refused)
    return sorted(found)


def _walk(folder: str, around: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, str]]:
    """Every path that is no folder, with what is wrong with it; of folders only those that are refused."""
    try:
        about = os.stat(folder)
        inside = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as problem:
        yield folder, problem.strerror or "not readable"
        return
    here = (about.st_dev, about.st_ino)
    if here in around:
        yield folder, "a link to a folder around it"
        return
    for entry in inside:
        if entry.name.startswith(".") and entry.name != ".huggingface.yaml":
            continue
        if entry.is_dir():
            yield from _walk(entry.path, (*around, here))
        else:
            yield entry.path, ""


def _refuse(folder: Path, refused: list[tuple[str, str]]) -> None:
    if refused:
        name, why = refused[0]
        count = "a file" if len(refused) == 1 else f"{len(refused):,} files"
        raise DataError(f"{folder}: {count} cannot be read, the first is {name} ({why}); mend or remove what is named")
