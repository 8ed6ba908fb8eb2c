"""A store in a bucket of S3, or of whatever else speaks its protocol and keeps its conditions.

PREFIX/finished/train-3f2a90c1b7de.json     the manifest of a finished stage; its existence is what says so
PREFIX/stages/train-3f2a90c1b7de/ATTEMPT/     its files, under the name of the attempt that the manifest names
PREFIX/leases/train-3f2a90c1b7de.json     renewed by the process that works on it (`running/bucket_lease.py`)
PREFIX/recipes/RECIPE-PRESET.json, PREFIX/precision.json, ...     as in a folder
PREFIX/store.json     written to see whether the server keeps conditions

Objects cannot be renamed. So a stage is finished by one write on the condition that nothing is there: the manifest,
which names an attempt whose files are all there. Who writes it second has made nothing.

Work is done in a local folder, BLACKTHORN_CACHE/stores/NAME, into which finished stages are brought when they are read,
file by file, each compared with its checksum. Reports are local: runs/s3/BUCKET/PREFIX/reports.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from ..errors import StoreError
from ..files import cache_folder
from .bucket_attempt import attempted
from .bucket_lease import BucketLease, held, take
from .bucket_stages import BucketStages, beside, manifest_of
from .lease import Lease, lock_at, locked
from .objects import Objects
from .store import Held, Store, made_in, written

_TRIES = 20  # of a change that others make meanwhile
_INSTEAD = "set BLACKTHORN_CACHE to another folder"


class Bucket(Store):
    """A bucket of finished stages; nothing is asked of it before something is read or written.

    Raises:
        StoreError: there can be no bucket of that name.
    """

    def __init__(self, path: str) -> None:
        """`path` is BUCKET or BUCKET/PREFIX."""
        bucket, _, prefix = path.partition("/")
        prefix = prefix.strip("/")
        if not bucket or {".", ".."} & {*path.split("/")}:
            raise StoreError(f"--store s3://{path}: write s3://BUCKET/PREFIX, without . and ..")
        self._path, self._objects = path, Objects(bucket, prefix)
        self.folder = Path("runs", "s3", bucket, prefix)

    def __reduce__(self) -> tuple[type["Bucket"], tuple[str]]:
        return Bucket, (self._path,)

    @property
    def name(self) -> str:
        """Its address."""
        return self._objects.url

    def begun(self) -> bool:
        """Whether anything was kept there."""
        return self._objects.any()

    # Finished stages.

    def names(self) -> frozenset[str]:
        """The names of all finished stages, by one listing of the manifests."""
        return frozenset(self._stages.manifests())

    def done(self, stage: str) -> bool:
        """Whether its manifest is there."""
        return self._objects.there(manifest_of(stage))

    def folders(self, stages: Iterable[str], *files: str) -> dict[str, Path]:
        """Bring these files of stages, by default all, unless they are here from before."""
        with self.written():
            return self._stages.folders(stages, files)

    def faults(self, stage: str) -> list[str]:
        """Read every object of a finished stage and compare it with its checksum."""
        return self._stages.faults(stage)

    def remedy(self, stage: str) -> str:
        """To delete its manifest."""
        return self._stages.remedy(stage)

    def unsealed(self, stages: Iterable[str]) -> int:
        """None: each manifest has them."""
        return 0

    # Stages in work.

    def take(self, stage: str) -> BucketLease | None:
        """The right to work on a stage, or None while somebody else works on it."""
        self._conditions  # noqa: B018  # without which there is no such right
        return take(self._objects, self._cache, stage)

    def in_work(self, stage: str) -> bool:
        """Whether somebody works on a stage."""
        with self.written():
            return held(self._objects, self._cache, stage)

    @contextmanager
    def work(self, stage: str, lease: Lease) -> Iterator[Path]:
        """A local folder, which is uploaded as it grows, and becomes the finished stage in the end."""
        assert isinstance(lease, BucketLease)
        with made_in(self._cache, self.written), attempted(self._objects, self._stages, stage, lease) as folder:
            yield folder

    @contextmanager
    def lock(self, name: str) -> Iterator[bool]:
        """Whether this process may do `name` now, among those of this machine."""
        with self.written():
            lock = lock_at(self._cache / "locks" / f"{name}.lock")
            ours = locked(lock)
        try:
            yield ours
        finally:
            lock.release()

    # Living with it.

    def held(self) -> list[Held]:
        """Every stage with a manifest, and every other one with files or a lease."""
        return self._stages.held()

    def remove(self, name: str) -> bool:
        """Delete the manifest, after which the stage is not finished, and then its files."""
        return self._stages.remove(name)

    # Small files.

    def place(self, file: str = "") -> str:
        """Its address."""
        return f"{self.name}/{file}" if file else self.name

    def read(self, file: str) -> bytes | None:
        """Its content, or None where it is not there."""
        found = self._objects.get(file)
        return None if found is None else found.content

    def write(self, file: str, content: bytes) -> None:
        """Write it, whatever was there."""
        self._objects.put(file, content)

    def change(self, file: str, changed: Callable[[bytes | None], bytes]) -> None:
        """Read it, and write it on the condition that it is still what was read."""
        for _ in range(_TRIES):
            found = self._objects.get(file)
            before = None if found is None else found.content
            if (after := changed(before)) == before:
                return
            self._conditions  # noqa: B018  # without which another change would be undone
            if found is None:
                tag = self._objects.put_new(file, after)
            else:
                tag = self._objects.put_over(file, after, found.etag)
            if tag is not None:
                return
        raise StoreError(f"{self.place(file)}: others change it all the time; run the same command again")

    def listed(self, folder: str) -> dict[str, float]:
        """The names of the files there, and when each was written."""
        return {f"{name}.json": one.time for name, one in beside(self._objects, folder).items()}

    def gone(self, path: str) -> bool:
        """Nobody knows: it may lie on another machine."""
        return False

    @contextmanager
    def written(self) -> Iterator[None]:
        """Say in one line that the local folder cannot be written."""
        with written(self._cache, _INSTEAD):
            yield

    @cached_property
    def _conditions(self) -> bool:
        """Whether the server keeps conditions, which is looked at once.

        Raises:
            StoreError: it does not.
        """
        self._objects.check_conditions()
        return True

    @cached_property
    def _stages(self) -> BucketStages:
        return BucketStages(self._objects, self._cache / "stages")

    @cached_property
    def _cache(self) -> Path:
        """The local folder."""
        said = json.dumps([self._objects.endpoint, self.name]).encode()
        words = re.sub(r"[^0-9A-Za-z.]+", "-", self.name.removeprefix("s3://"))[:60]
        folder = cache_folder() / "stores" / f"{words}-{hashlib.sha256(said).hexdigest()[:12]}"
        with written(folder, _INSTEAD):
            (folder / "locks").mkdir(parents=True, exist_ok=True)
        return folder
