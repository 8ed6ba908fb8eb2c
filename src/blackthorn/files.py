"""Files that appear whole or not at all, the folder for what can be made again, and errors in one line."""

import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_ABANDONED = 3600.0  # seconds after which unfinished work is taken for that of a killed process


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write a file so that a reader finds the old content or the new one, whatever happens in between.

    Raises:
        OSError: the disk is full, or the folder cannot be written; the old file is left as it was.
    """
    with in_place_of(path) as aside:
        aside.write_bytes(content)


@contextmanager
def in_place_of(path: Path) -> Iterator[Path]:
    """Lend the name of a file beside `path`; what is written there becomes `path` when the block ends without an error.

    Every call lends another name, so two processes may write the same file at the same time: both succeed, and the
    last one to finish wins. What killed processes left unfinished more than an hour ago is removed.
    """
    tidy(path)
    aside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.partial")
    try:
        yield aside
        move_into_place(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def tidy(path: Path) -> None:
    """Remove what killed processes left beside `path`: files and folders named `.NAME.*.partial` older than an hour."""
    with suppress(OSError), os.scandir(path.parent) as beside:
        for left in beside:
            ours = left.name.startswith(f".{path.name[:100]}.") and left.name.endswith(".partial")
            if ours and time.time() - left.stat().st_mtime > _ABANDONED:
                shutil.rmtree(left) if left.is_dir() else os.unlink(left)


def move_into_place(aside: Path, path: Path) -> None:
    """Move a finished file to its place on the same disk, once its content is safely on that disk."""
    with open(aside, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(aside, path)


def cache_folder() -> Path:
    """Where to keep what can be made again: BLACKTHORN_CACHE, else ~/.cache/blackthorn. It may not exist yet."""
    named = os.environ.get("BLACKTHORN_CACHE")
    return Path(os.path.expanduser(named)) if named else Path.home() / ".cache" / "blackthorn"


def one_line(error: BaseException, *, most: int = 200) -> str:
    """The message of an error as one line of at most `most` characters; its type where it has no message."""
    return " ".join(str(error).split())[:most] or type(error).__name__
