"""An attempt at a stage of a bucket: made in a local folder, kept in the bucket as it grows, and finished there.

What an attempt makes is uploaded under the name of the attempt, so another machine can take it up. A checkpoint is one
file that is replaced as a whole, so whatever is taken up is one that was whole.
"""

import os
import shutil
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from ..errors import StoreError
from ..seal import SEAL, seal, sealed
from .bucket_lease import BucketLease
from .bucket_stages import BucketStages, Manifest, files_of, manifest_of, plain
from .lease import Lease, LostError
from .objects import Objects

EVERY = 10.0
"""Seconds between looks at what has changed; of a stage that takes less nothing is kept before it is finished."""


@contextmanager
def attempted(objects: Objects, stages: BucketStages, stage: str, lease: BucketLease) -> Iterator[Path]:
    """A local folder, whose files are uploaded as they change, and all in the end, before the manifest.

    Raises:
        LostError: somebody else has taken the stage over or finished it; what was done here is not kept.
        StoreError: the bucket cannot be read or written.
        OSError: the local folder cannot be written.
    """
    *earlier, ours = lease.attempts
    folder = stages.here(stage) / f"{ours}.partial"
    _take_up(objects, stage, earlier, folder)
    keeper = Keeper(objects, files_of(stage, ours), folder, lease)
    try:
        with keeper:
            yield folder
        if lease.noticed:
            raise LostError
        seal(folder)
        sums = sealed(folder) or {}
        keeper.keep(sums)
        tag = objects.put_new(manifest_of(stage), Manifest(ours, sums).content())
        lease.finished = True  # by whomever
        if tag is None:
            objects.delete(one.key for one in objects.listed(files_of(stage, ours)))
            raise LostError
    except BaseException as problem:
        if lease.noticed or isinstance(problem, LostError):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    kept = {files_of(stage, ours) + name for name in sums}
    with suppress(StoreError):  # it is finished, whatever else lies there
        objects.delete(one.key for one in objects.listed(files_of(stage)) if one.key not in kept)
    os.replace(folder, stages.local(stage, tag))
    for left in stages.here(stage).glob("*.partial"):  # of attempts that died here, or stand still
        shutil.rmtree(left, ignore_errors=True)


def _take_up(objects: Objects, stage: str, earlier: list[str], folder: Path) -> None:
    """Make the folder of an attempt, with what the last one left: here, if that was here, or else in the bucket."""
    kept: dict[str, list[str]] = {}
    for one in objects.listed(files_of(stage)) if earlier else ():
        attempt, _, name = one.key.removeprefix(files_of(stage)).partition("/")
        if plain(name):
            kept.setdefault(attempt, []).append(name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    for attempt in reversed(earlier):
        with suppress(FileNotFoundError):
            os.replace(folder.with_name(f"{attempt}.partial"), folder)
            break
        if attempt in kept:
            _bring(objects, files_of(stage, attempt), kept[attempt], folder)
            break
    folder.mkdir(exist_ok=True)
    for aside in (folder / SEAL, *folder.glob("*.writing"), *folder.glob(".*.partial")):
        aside.unlink(missing_ok=True)


def _bring(objects: Objects, prefix: str, names: list[str], folder: Path) -> None:
    """Bring files into a folder that appears whole: who takes up this attempt in turn must not find the half of it."""
    aside = folder.with_name(f".{folder.name}")
    aside.mkdir()
    objects.each(lambda name: objects.download(prefix + name, aside / name), names)
    os.replace(aside, folder)


class Keeper:
    """Uploads the files of a folder while its block lasts, and once more if that ends by an error."""

    def __init__(self, objects: Objects, prefix: str, folder: Path, lease: Lease) -> None:
        self._objects, self._prefix, self._folder, self._lease = objects, prefix, folder, lease
        self._kept: dict[str, tuple[int, int, int]] = {}
        self._ended, self._one = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> "Keeper":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        """After an error, such as a signal that asks this machine to go, keep what there is for another one."""
        self._ended.set()
        if problem is not None and not self._lease.noticed:
            with suppress(OSError, StoreError):
                self.keep(self._there())

    def keep(self, names: Collection[str]) -> None:
        """Upload those of the files that have changed since they were.

        Raises:
            StoreError: the bucket cannot be written.
            OSError: a file cannot be read.
        """
        with self._one:
            self._objects.each(self._keep, names)

    def _keep(self, name: str) -> None:
        path = self._folder / name
        found = os.stat(path)
        seen = found.st_ino, found.st_mtime_ns, found.st_size
        if self._kept.get(name) != seen:
            self._objects.upload(self._prefix + name, path)
            self._kept[name] = seen

    def _follow(self) -> None:
        while not self._lease.noticed and not self._ended.wait(EVERY):
            with suppress(OSError, StoreError):  # a file may be gone already; and what is not kept is made again
                self.keep(self._there())

    def _there(self) -> list[str]:
        """All files but those that are being written."""
        names = [one.name for one in os.scandir(self._folder) if one.is_file()]
        return [name for name in names if plain(name) and name != SEAL and not name.endswith(".writing")]
