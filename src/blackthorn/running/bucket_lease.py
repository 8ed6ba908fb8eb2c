"""Who may work on a stage of a bucket: a lease that is an object, written only over the one that was read.

PREFIX/leases/train-3f2a90c1b7de.json     the attempts that there were, the last one being the owner's, and its machine

Of two that write on the same condition the server lets one succeed. How long ago an owner has renewed its lease is the
difference of two times that the server tells with the lease itself, so that no clock of a machine enters.

Every attempt has a name of its own, under which it keeps its files, so an owner that stood still and wakes up writes
nowhere but in its own place. Who finishes is decided by the manifest of the stage, and not here.
"""

import json
import os
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import filelock

from ..errors import StoreError
from . import lease as leases
from .lease import Lease, lock_at, locked, machine
from .objects import Found, Objects


@dataclass(frozen=True)
class _Said:
    """What a lease says."""

    machine: str
    attempts: tuple[str, ...]
    """The names of all attempts at the stage, in their order."""
    beats: int = 0
    """How often it was renewed; makes each content another one."""
    free: bool = False
    """Whether the last attempt has let go of the stage."""

    def content(self) -> bytes:
        return json.dumps(asdict(self)).encode()


class BucketLease(Lease):
    """A lease that is an object."""

    def __init__(self, objects: Objects, key: str, said: _Said, etag: str, lock: filelock.BaseFileLock) -> None:
        self.attempts = said.attempts
        """The names of all attempts, this one's being the last."""
        self._objects, self._key, self._said, self._etag, self._lock = objects, key, said, etag, lock
        super().__init__(len(said.attempts) - 1)

    def lost(self) -> bool:
        """Whether the owner is another one; where the server does not answer, whether that is known."""
        with suppress(StoreError):
            found = None if self._lost else self._objects.get(self._key)
            self._lost = found is None or _read(found).attempts[-1:] != self.attempts[-1:]
        return self._lost

    def renewed(self) -> None:
        """Write it once more, over what this owner wrote last."""
        self._write(replace(self._said, beats=self._said.beats + 1))

    def release(self) -> None:
        """Delete the lease on a finished stage; say of another one that it is free."""
        self._ended.set()
        self._thread.join(leases.BEAT)  # which may be renewing it
        try:
            if self.finished and not self._lost:
                self._objects.delete([self._key])
            elif not self._lost:
                self._write(replace(self._said, free=True))
        finally:
            _forget(self._lock)

    def _write(self, said: _Said) -> None:
        etag = self._objects.put_over(self._key, said.content(), self._etag)
        if etag is None:
            self._lost = True
        else:
            self._said, self._etag = said, etag


def take(objects: Objects, cache: Path, stage: str) -> BucketLease | None:
    """A lease on a stage, or None while somebody else works on it.

    Args:
        objects: those of the store.
        cache: the folder in which this machine works.
        stage: its name.
    Raises:
        StoreError: the bucket cannot be written.
        OSError: the folder cannot be written.
    """
    key, ours = _key(stage), secrets.token_hex(8)
    lock = lock_at(cache / "locks" / f"{ours}.lock")
    locked(lock)
    try:
        said = _Said(_here(cache), (ours,))
        etag: str | None = None
        found = objects.get(key)  # before anything is written: who waits for another command asks again and again
        if found is None:
            etag = objects.put_new(key, said.content())
        elif not _alive(found, cache):
            said = replace(said, attempts=(*_read(found).attempts, ours))
            etag = objects.put_over(key, said.content(), found.etag)
        if etag is not None:
            return BucketLease(objects, key, said, etag, lock)
    except BaseException:
        _forget(lock)
        raise
    _forget(lock)
    return None


def held(objects: Objects, cache: Path, stage: str) -> bool:
    """Whether somebody is working on a stage.

    Raises:
        StoreError: the bucket cannot be read.
        OSError: the folder cannot be written.
    """
    found = objects.get(_key(stage))
    return found is not None and _alive(found, cache)


def _alive(found: Found, cache: Path) -> bool:
    """Whether the owner of a lease works on."""
    said = _read(found)
    if said.free or not said.attempts:
        return False
    if said.machine == _here(cache):
        lock = lock_at(cache / "locks" / f"{said.attempts[-1]}.lock")
        if locked(lock):  # its process is gone
            _forget(lock)
            return False
    return found.age <= leases.STALE


def _read(found: Found) -> _Said:
    """What a lease says; of one that is damaged, that nobody has it."""
    try:
        said = json.loads(found.content)
        attempts = tuple(map(str, said["attempts"]))
        return _Said(str(said["machine"]), attempts, int(said["beats"]), bool(said["free"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return _Said("", (), free=True)


def _here(cache: Path) -> str:
    """What tells machines apart whose processes see each other's locks: the folder they lie in, and the system."""
    folder = os.stat(cache)
    return f"{machine()} {folder.st_dev} {folder.st_ino}"


def _forget(lock: filelock.BaseFileLock) -> None:
    """Remove the file of a lock, whose name nobody will take again, and let go of it."""
    with suppress(OSError):
        os.unlink(lock.lock_file)
    lock.release()


def _key(stage: str) -> str:
    return f"leases/{stage}.json"
