"""Who may work on a stage, where several machines share a store.

The system frees a lock when its process dies. But a shared mount may not pass locks on from one machine to another, and
a process that is stopped, or whose machine has lost the network, keeps what it has. So the owner of a stage has a lease
too: a file whose time it renews. A lease that was not renewed for `STALE` seconds is taken over under the next number.

The attempt's folder has the number in its name, and is renamed when a lease is taken over. So an owner that wakes up
finds its folder gone. It can neither write into the work of its successor nor finish: finishing is a rename of that
folder, and no clock decides it.

LOCKS/3f2a90c1b7de.lease      the lease of the first owner; its content says on which machine that is
LOCKS/3f2a90c1b7de.lock       the lock beside it
LOCKS/3f2a90c1b7de.1.lease    that of the second, who found the first stalled or dead
"""

import errno
import os
import platform
import secrets
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import cache
from pathlib import Path

import filelock

from ..errors import StoreError

BEAT = 10.0  # seconds between two renewals
STALE = 60.0
"""Seconds without a renewal after which an owner is taken for stalled. NFS clients believe what they know of a folder
for up to 60 seconds (`acdirmax`, nfs(5)); one that slept for longer asks the server again."""


class LostError(Exception):
    """The lease was taken over, since it was not renewed for too long."""


class Lease(ABC):
    """The right to work on a stage, renewed by a thread until it is released."""

    def __init__(self, number: int) -> None:
        self.number = number
        """How often the stage was taken up before."""
        self.finished = False
        """Whether the stage is finished, so that nobody needs a lease on it any more."""
        self._ended, self._lost = threading.Event(), False
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._thread.start()

    @property
    def noticed(self) -> bool:
        """Whether the lease is known to be lost; nothing is asked of the store."""
        return self._lost

    @abstractmethod
    def lost(self) -> bool:
        """Whether somebody else has taken it over."""

    @abstractmethod
    def renewed(self) -> None:
        """Renew it, if it is not lost; where the store does not answer, by a StoreError or an OSError."""

    @abstractmethod
    def release(self) -> None:
        """Let go of the stage: for good, if it is finished, or for whoever wants to go on with it now."""

    def _renew(self) -> None:
        while not self._lost and not self._ended.wait(BEAT):
            with suppress(OSError, StoreError):  # what is not renewed is lost, if that lasts
                self.renewed()


class FileLease(Lease):
    """A lease that is a file."""

    def __init__(self, locks: Path, key: str, number: int, lock: filelock.BaseFileLock) -> None:
        self._locks, self._key, self._lock = locks, key, lock
        super().__init__(number)

    def lost(self) -> bool:
        """Whether there is a lease with the next number, or this one is gone."""
        ours, next_one = (_path(self._locks, self._key, self.number + more) for more in (0, 1))
        self._lost = self._lost or next_one.exists() or not ours.exists()
        return self._lost

    def renewed(self) -> None:
        """Touch the file."""
        if not self.lost():
            os.utime(_path(self._locks, self._key, self.number))

    def release(self) -> None:
        """Remove the file of a finished stage; make that of another one old."""
        self._ended.set()
        try:
            if self.finished:
                for number in range(self.number, -1, -1):
                    _path(self._locks, self._key, number).unlink(missing_ok=True)
                    if number:
                        _path(self._locks, self._key, number, "lock").unlink(missing_ok=True)
            elif not self.lost():
                os.utime(_path(self._locks, self._key, self.number), (0, 0))
        finally:
            self._lock.release()


def take(locks: Path, key: str) -> FileLease | None:
    """A lease on the stage of that address, or None while somebody else works on it.

    Raises:
        OSError: the folder cannot be written, or its files cannot be locked.
    """
    number = _following(locks, key)
    if number and _alive(locks, key, number - 1):
        return None
    lock = lock_at(_path(locks, key, number, "lock"))
    if not locked(lock):
        return None
    try:  # on every mount, one process alone can make a file that must not be there yet
        descriptor = os.open(_path(locks, key, number), os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except OSError as problem:
        lock.release()
        if isinstance(problem, FileExistsError):
            return None
        raise
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(machine())
    return FileLease(locks, key, number, lock)


def held(locks: Path, key: str) -> bool:
    """Whether somebody is working on the stage of that address.

    Raises:
        OSError: the folder cannot be written, or its files cannot be locked.
    """
    number = _following(locks, key)
    return _alive(locks, key, number - 1) if number else _locked_by_others(locks, key, 0)


def lock_at(path: Path) -> filelock.BaseFileLock:
    """A lock of the system, and not what newer versions of `filelock` put in its place where there is none: a file that
    stays when its process dies.
    """
    try:
        return filelock.FileLock(path, fallback_to_soft=False)
    except TypeError:  # older versions know no such place taker
        return filelock.FileLock(path)


def locked(lock: filelock.BaseFileLock, *, wait: bool = False) -> bool:
    """Take a lock of the system, and say whether that was possible.

    Raises:
        OSError: the file cannot be written, or cannot be locked.
    """
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except filelock.Timeout:  # also an OSError
        return False
    except OSError as problem:
        if problem.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
            raise
        raise OSError("files cannot be locked there") from None
    except NotImplementedError:  # as older versions of `filelock` say it
        raise OSError("files cannot be locked there") from None
    return True


def _following(locks: Path, key: str) -> int:
    """The number of the next lease."""
    number = 0
    while _path(locks, key, number).exists():
        number += 1
    return number


def _alive(locks: Path, key: str, number: int) -> bool:
    """Whether the owner of a lease works on."""
    try:
        with open(_path(locks, key, number), encoding="utf-8") as file:  # opening asks the server; `stat` may not
            here, renewed = file.read() == machine(), os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return False
    if here and not _locked_by_others(locks, key, number):
        return False  # its process is gone
    return _now(locks) - renewed <= STALE


def _locked_by_others(locks: Path, key: str, number: int) -> bool:
    lock = lock_at(_path(locks, key, number, "lock"))
    if not locked(lock):
        return True
    lock.release()
    return False


def _now(locks: Path) -> float:
    """The time by the clock that also renews leases there, which may be that of a server."""
    probe = locks / f".{secrets.token_hex(8)}.now"
    try:
        probe.touch()
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def _path(locks: Path, key: str, number: int, ending: str = "lease") -> Path:
    return locks / (f"{key}.{number}.{ending}" if number else f"{key}.{ending}")


@cache
def machine() -> str:
    """What tells machines apart whose processes see each other's locks; containers of one machine do."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
    return platform.node()
