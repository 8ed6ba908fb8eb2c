"""A store that is a folder: one folder in it for each stage, named by what made it.

DIR/stages/train-3f2a90c1b7de/     a finished stage; the folder's existence is what says so
DIR/stages/train-3f2a90c1b7de/checksums.json     of its files, compared whenever one is read
DIR/stages/train-3f2a90c1b7de.partial/     a stage in work, or interrupted; a later run goes on from there
DIR/locks/3f2a90c1b7de.lease     renewed by the process that works on it (`running/lease.py`)
DIR/locks/3f2a90c1b7de.lock     held by that process too; freed by the system if it dies
DIR/recipes/RECIPE-PRESET.json     which stages a recipe needs, as it was last run
DIR/precision.json     which arithmetic `precision: auto` stands for, by architecture and machine
DIR/reports/RECIPE-PRESET/     and DIR/reports/last: pages and tables, made from the stages at any time
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreError
from ..files import write_whole
from ..seal import SEAL, check, seal, sealed
from .lease import FileLease, Lease, LostError, held, lock_at, locked, take
from .store import Held, Store, made_in, written


@dataclass(frozen=True)
class Folder(Store):
    """A folder of finished stages, on a disk of this machine or on a mount that several machines see.

    Raises:
        StoreError: the folder cannot be made or written.
    """

    folder: Path

    def __post_init__(self) -> None:
        with self.written():
            for name in ("stages", "locks", "reports"):
                if not (self.folder / name).is_dir():  # a store of somebody else is read without being written
                    (self.folder / name).mkdir(parents=True, exist_ok=True)

    @property
    def name(self) -> str:
        """Its path from the root, which must be the same everywhere."""
        return str(self.folder.resolve())

    def names(self) -> frozenset[str]:
        """The names of all finished stages."""
        try:
            with os.scandir(self.folder / "stages") as entries:
                return frozenset(one.name for one in entries if not one.name.endswith(".partial") and one.is_dir())
        except OSError as problem:
            raise self._unreadable(problem) from None

    def done(self, stage: str) -> bool:
        """Whether its folder is there."""
        return self._final(stage).is_dir()

    def folders(self, stages: Iterable[str], *files: str) -> dict[str, Path]:
        """Where they lie; nothing has to be brought."""
        names = list(stages)
        there = self.names() if len(names) > 1 else {name for name in names if self.done(name)}
        return {name: self._final(name) for name in names if name in there}

    def faults(self, stage: str) -> list[str]:
        """Compare every file of a finished stage with its checksum."""
        folder, found = self._final(stage), []
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

    def remedy(self, stage: str) -> str:
        """To delete its folder."""
        return "delete the folder of the stage"

    def unsealed(self, stages: Iterable[str]) -> int:
        """How many have no file of checksums."""
        return sum(not (self._final(stage) / SEAL).exists() for stage in stages)

    def take(self, stage: str) -> FileLease | None:
        """The right to work on a stage, or None while somebody else works on it."""
        return take(self.folder / "locks", _address(stage))

    def in_work(self, stage: str) -> bool:
        """Whether somebody works on a stage."""
        with self.written():
            return held(self.folder / "locks", _address(stage))

    @contextmanager
    def work(self, stage: str, lease: Lease | None = None) -> Iterator[Path]:
        """A folder that gets the name of the stage in the end; that of an interrupted attempt is handed over as it is.

        Raises:
            LostError: somebody else has taken the stage over; what was done here is not kept.
            StoreError: the store cannot be written.
        """
        final = self._final(stage)
        with self.written():
            partial = self._attempt(final, 0 if lease is None else lease.number)
        with made_in(self.folder, self.written):
            yield partial
        if lease is not None and lease.lost():
            raise LostError
        with self.written():
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

    @contextmanager
    def lock(self, name: str, *, wait: bool = False) -> Iterator[bool]:
        """Whether this process may do `name` now; with `wait`, after the one that does."""
        lock = lock_at(self.folder / "locks" / f"{name}.lock")
        with self.written():
            ours = locked(lock, wait=wait)
        try:
            yield ours
        finally:
            lock.release()

    def held(self) -> list[Held]:
        """The folders of all stages, finished or not."""
        found = []
        try:
            for path in sorted((self.folder / "stages").iterdir()):
                try:
                    files = [file.stat() for file in path.iterdir()]
                    time = max((file.st_mtime for file in files), default=path.stat().st_mtime)
                except (FileNotFoundError, NotADirectoryError):  # finished or removed just now, or no stage at all
                    continue
                found.append(Held(path.name, sum(file.st_size for file in files), time))
        except OSError as problem:
            raise self._unreadable(problem) from None
        return found

    def remove(self, name: str) -> bool:
        """Rename the folder, which is at once, and then remove it."""
        aside = self.folder / "stages" / f".{name[:100]}.{secrets.token_hex(8)}.partial"
        with self.written():
            try:
                os.replace(self._final(name), aside)
            except FileNotFoundError:  # another command was first
                return False
            shutil.rmtree(aside)
        return True

    def place(self, file: str = "") -> str:
        """Its path."""
        return str(self.folder / file)

    def read(self, file: str) -> bytes | None:
        """Its content, or None where it is not there."""
        try:
            return (self.folder / file).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise self._unreadable(problem, file) from None

    def write(self, file: str, content: bytes) -> None:
        """Write it, whatever was there."""
        with self.written():
            (self.folder / file).parent.mkdir(exist_ok=True)
            write_whole(self.folder / file, content)

    def change(self, file: str, changed: Callable[[bytes | None], bytes]) -> None:
        """Read and write it under a lock."""
        with self.lock(file.partition("/")[0].removesuffix(".json"), wait=True):
            before = self.read(file)
            if (after := changed(before)) != before:
                self.write(file, after)

    def listed(self, folder: str) -> dict[str, float]:
        """The names of the files there, and when each was written."""
        try:
            with os.scandir(self.folder / folder) as entries:
                return {one.name: one.stat().st_mtime for one in entries if one.is_file()}
        except FileNotFoundError:
            return {}
        except OSError as problem:
            raise self._unreadable(problem, folder) from None

    def gone(self, path: str) -> bool:
        """Whether it is not seen here: whoever sees the store sees what lies beside it."""
        return not os.path.exists(path)

    @contextmanager
    def written(self) -> Iterator[None]:
        """Say in one line that the folder cannot be written."""
        with written(self.folder):
            yield

    def _final(self, stage: str) -> Path:
        return self.folder / "stages" / stage

    def _unreadable(self, problem: OSError, file: str = "") -> StoreError:
        return StoreError(f"{self.folder / file}: cannot be read ({problem.strerror or problem})")


def _address(stage: str) -> str:
    return stage.rpartition("-")[2]


def _flush(folder: Path) -> None:
    """Make sure that the names in a folder are on disk before the folder is declared finished."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
