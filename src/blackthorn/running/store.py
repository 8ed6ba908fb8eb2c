"""Where results live: one folder for each stage, named by what made it.

DIR/stages/train-3f2a90c1b7de/     a finished stage; the folder's existence is what says so
DIR/stages/train-3f2a90c1b7de/checksums.json     of its files, compared whenever one is read
DIR/stages/train-3f2a90c1b7de.partial/     a stage in work, or interrupted; a later run goes on from there
DIR/locks/3f2a90c1b7de.lease     renewed by the process that works on it (`running/lease.py`)
DIR/locks/3f2a90c1b7de.lock     held by that process too; freed by the system if it dies
DIR/recipes/RECIPE-PRESET.json     which stages a recipe needs, as it was last run
DIR/precision.json     which arithmetic `precision: auto` stands for, by architecture and machine
DIR/reports/RECIPE-PRESET/     and DIR/reports/last: pages and tables, made from the stages at any time
"""

import errno
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreError
from ..seal import SEAL, check, seal, sealed
from .lease import Lease, LostError, held, lock_at, locked, take

_LOOK = 0.5  # seconds between looks at what a mount does not show yet
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

    def seen(self, kind: str, key: str, seconds: float) -> Path | None:
        """The folder of a stage that is said to be finished; a mount may show it so many seconds late."""
        end = time.monotonic() + seconds
        while (folder := self.done(kind, key)) is None and time.monotonic() < end:
            time.sleep(_LOOK)
        return folder

    def names(self) -> frozenset[str]:
        """The names of all finished stages: one look at the disk, however many there are.

        Raises:
            StoreError: the folder of stages cannot be read.
        """
        try:
            with os.scandir(self.folder / "stages") as entries:
                return frozenset(one.name for one in entries if not one.name.endswith(".partial") and one.is_dir())
        except OSError as problem:
            raise StoreError(f"{self.folder}: cannot be read ({problem.strerror or problem})") from None

    def stage(self, kind: str, key: str) -> Path:
        """Where a stage's folder is once it is finished."""
        return self.folder / "stages" / f"{kind}-{key}"

    @contextmanager
    def lock(self, name: str, *, wait: bool = False) -> Iterator[bool]:
        """Whether this process may work on `name` now; with `wait`, after the one that does."""
        lock = lock_at(self.folder / "locks" / f"{name}.lock")
        with written(self.folder):
            ours = locked(lock, wait=wait)
        try:
            yield ours
        finally:
            lock.release()

    @contextmanager
    def lease(self, key: str) -> Iterator[Lease | None]:
        """The right to work on the stage of that address, or None while somebody else works on it."""
        with written(self.folder):
            lease = take(self.folder / "locks", key)
        try:
            yield lease
        finally:
            if lease is not None:
                with suppress(OSError):  # what cannot be released runs out
                    lease.release()

    def in_work(self, key: str) -> bool:
        """Whether somebody works on the stage of that address."""
        with written(self.folder):
            return held(self.folder / "locks", key)

    @contextmanager
    def work(self, kind: str, key: str, lease: Lease | None = None) -> Iterator[Path]:
        """A folder to work in, which becomes the finished stage when the block ends without an error.

        The folder of an interrupted attempt is handed over as it is, so that training can go on from its checkpoint.

        Raises:
            LostError: somebody else has taken the stage over; what was done here is not kept.
            StoreError: the store cannot be written.
        """
        final = self.stage(kind, key)
        with written(self.folder):
            partial = self._attempt(final, 0 if lease is None else lease.number)
        try:
            yield partial
        except OSError as problem:
            if not self._refused(problem):
                raise  # of the network, which may read files and addresses of its own
            with written(self.folder):
                raise
        if lease is not None and lease.lost():
            raise LostError
        with written(self.folder):
            try:
                seal(partial)
                _flush(partial)
                os.replace(partial, final)
            except OSError:
                if final.is_dir():  # a stalled owner of before has been first after all
                    shutil.rmtree(partial, ignore_errors=True)
                    raise LostError from None
                if lease is not None and lease.lost():
                    raise LostError from None
                raise
        if lease is not None:
            lease.finished = True

    def _attempt(self, final: Path, number: int) -> Path:
        """The folder of this attempt, with what the last one left: it is renamed, so that nobody has it any more."""
        suffixes = [".partial", *(f".{one}.partial" for one in range(1, number + 1))]
        names = [final.with_name(final.name + suffix) for suffix in suffixes]
        partial = names.pop()
        for left in reversed(names):
            with suppress(FileNotFoundError):
                os.replace(left, partial)
                break
        partial.mkdir(exist_ok=True)
        # An attempt may have been killed between its checksums and its new name: they would not hold for what follows.
        for aside in (partial / SEAL, *partial.glob("*.writing"), *partial.glob(".*.partial")):
            aside.unlink(missing_ok=True)
        return partial

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
        return [self.folder / "stages" / name for name in sorted(self.names())]

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
