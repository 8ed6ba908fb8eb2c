"""Where results live: one folder for each stage, named by what made it.

DIR/stages/train-3f2a90c1b7de/     a finished stage; the folder's existence is what says so
DIR/stages/train-3f2a90c1b7de/checksums.json     of its files, compared whenever one is read
DIR/stages/train-3f2a90c1b7de.partial/     a stage in work, or interrupted; a later run goes on from there
DIR/locks/3f2a90c1b7de.lock     held by the process that works on it; freed by the system if that process dies
DIR/recipes/RECIPE-PRESET.json     which stages a recipe needs, as it was last run
DIR/precision.json     which arithmetic `precision: auto` stands for, by architecture and machine
DIR/reports/RECIPE-PRESET/     and DIR/reports/last: pages and tables, made from the stages at any time
"""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from ..errors import StoreError
from ..seal import SEAL, check, seal, sealed

_OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
"""What writing says that knows no file name."""


@dataclass(frozen=True)
class Store:
    """A folder of finished stages, which any number of processes may share.

    Raises:
        StoreError: the folder cannot be made or written.
    """

    folder: Path

    def __post_init__(self) -> None:
        with written(self.folder):
            for name in ("stages", "locks", "reports"):
                if not (self.folder / name).is_dir():  # a store of somebody else is read without being written
                    (self.folder / name).mkdir(parents=True, exist_ok=True)

    def done(self, kind: str, key: str) -> Path | None:
        """The folder of a finished stage, or None."""
        folder = self.stage(kind, key)
        return folder if folder.is_dir() else None

    def stage(self, kind: str, key: str) -> Path:
        """Where a stage's folder is once it is finished."""
        return self.folder / "stages" / f"{kind}-{key}"

    @contextmanager
    def lock(self, name: str, *, wait: bool = False) -> Iterator[bool]:
        """Whether this process may work on `name` now; with `wait`, after the one that does."""
        lock = filelock.FileLock(self.folder / "locks" / f"{name}.lock")
        with written(self.folder):
            try:
                lock.acquire(timeout=-1 if wait else 0)
            except filelock.Timeout:  # also an OSError
                pass
            except NotImplementedError as problem:
                raise OSError(f"files cannot be locked there: {problem}") from None
        if not lock.is_locked:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    @contextmanager
    def work(self, kind: str, key: str) -> Iterator[Path]:
        """A folder to work in, which becomes the finished stage when the block ends without an error.

        The folder of an interrupted attempt is handed over as it is, so that training can go on from its checkpoint.
        """
        final = self.stage(kind, key)
        partial = final.with_name(final.name + ".partial")
        with written(self.folder):
            partial.mkdir(exist_ok=True)
            for aside in (*partial.glob("*.writing"), *partial.glob(".*.partial")):
                aside.unlink()
        try:
            yield partial
        except OSError as problem:
            if not self._refused(problem):
                raise  # of the network, which may read files and addresses of its own
            with written(self.folder):
                raise
        with written(self.folder):
            seal(partial)
            _flush(partial)
            os.replace(partial, final)

    def _refused(self, problem: OSError) -> bool:
        """Whether an error says that something of this store could not be written."""
        ours = isinstance(problem.filename, (str, os.PathLike)) and os.path.abspath(problem.filename).startswith(
            os.path.abspath(self.folder) + os.sep
        )
        return ours or (problem.filename is None and problem.errno in _OF_DISKS)

    def finished(self) -> list[Path]:
        """The folders of all finished stages, by name.

        Raises:
            StoreError: the folder of stages cannot be read.
        """
        try:
            folders = [path for path in (self.folder / "stages").iterdir() if path.is_dir()]
        except OSError as problem:
            raise StoreError(f"{self.folder}: cannot be read ({problem.strerror or problem})") from None
        return sorted(folder for folder in folders if not folder.name.endswith(".partial"))

    def faults(self, folder: Path) -> list[str]:
        """Compare every file of a finished stage with its checksum: a line for each that differs."""
        found = []
        try:
            names = sealed(folder) or {}
        except (OSError, ValueError) as problem:
            return [f"{folder}: {problem}"]
        for name in names:
            try:
                check(folder / name)
            except (OSError, ValueError) as problem:
                found.append(f"{folder / name}: {getattr(problem, 'strerror', None) or problem}")
        return found


def unsealed(folders: Iterable[Path]) -> int:
    """How many of these finished stages have no checksums, since an older version made them."""
    return sum(not (folder / SEAL).exists() for folder in folders)


@contextmanager
def written(folder: Path) -> Iterator[None]:
    """Say in one line what the system says in a traceback.

    Raises:
        StoreError: the system refuses to write in `folder`.
    """
    try:
        yield
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise StoreError(
                f"{folder}: the disk is full; free some space and run the same command again to go on"
            ) from None
        raise StoreError(
            f"{folder}: cannot be written ({problem.strerror or problem}); give another folder with --store"
        ) from None


def _flush(folder: Path) -> None:
    """Make sure that the names in a folder are on disk before the folder is declared finished."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
