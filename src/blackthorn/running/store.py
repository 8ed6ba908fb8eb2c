"""Where results live: the protocol between all that reads and keeps finished stages, and the place where they are.

Two stand behind it: a folder (`running/folder.py`), and a bucket of an object store (`running/bucket.py`). Nothing else
knows which of them it has; `running/opening.py` tells by the name. A stage is called by its kind and its address, as in
`train-3f2a90c1b7de`. What commands agree on beside stages are small files: which stages a recipe needs, which
arithmetic an architecture takes.
"""

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..errors import StoreError
from .lease import Lease

_LOOK = 0.5  # seconds between looks at what a mount does not show yet
_OF_DISKS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}
"""What writing says that knows no file name."""


@dataclass(frozen=True)
class Held:
    """What a store has of a stage: the finished stage, or an attempt at it."""

    name: str
    """That of the stage; of an attempt, with `.partial` behind it."""
    size: int
    """Bytes."""
    time: float
    """When it was finished, or last worked on, in seconds since 1970."""

    @property
    def stage(self) -> str:
        """The name of the stage."""
        return self.name.partition(".")[0]

    @property
    def kind(self) -> str:
        """What the stage does."""
        return self.stage.rpartition("-")[0]

    @property
    def finished(self) -> bool:
        """Whether it is a finished stage."""
        return not self.name.endswith(".partial")


class Store(Protocol):
    """Finished stages, which any number of processes may share. Whatever cannot be read or written is a StoreError."""

    folder: Path
    """The local folder of reports."""

    @property
    def name(self) -> str:
        """What other processes and machines call it."""
        ...

    # Finished stages.

    def names(self) -> frozenset[str]:
        """The names of all finished stages: one look, however many there are."""
        ...

    def done(self, stage: str) -> bool:
        """Whether a stage is finished."""
        ...

    def folders(self, stages: Iterable[str], *files: str) -> dict[str, Path]:
        """Local folders of those of the stages that are finished, in which these files lie, if the stage has them; by
        default all files.
        """
        ...

    def faults(self, stage: str) -> list[str]:
        """Compare every file of a finished stage with its checksum: a line for each that differs."""
        ...

    def remedy(self, stage: str) -> str:
        """What a person does so that a damaged stage is made anew: "delete ..."."""
        ...

    def unsealed(self, stages: Iterable[str]) -> int:
        """How many of these finished stages have no checksums, since an older version made them."""
        ...

    # Stages in work.

    def take(self, stage: str) -> Lease | None:
        """The right to work on a stage, to be released; or None while somebody else works on it."""
        ...

    @contextmanager
    def lease(self, stage: str) -> Iterator[Lease | None]:
        """The same for a block, and released after it."""
        with self.written():
            lease = self.take(stage)
        try:
            yield lease
        finally:
            if lease is not None:
                with suppress(OSError, StoreError):  # what cannot be released runs out
                    lease.release()

    def in_work(self, stage: str) -> bool:
        """Whether somebody works on a stage."""
        ...

    def work(self, stage: str, lease: Lease) -> AbstractContextManager[Path]:
        """A folder to work in, which becomes the finished stage when the block ends without an error.

        What an interrupted attempt left lies in it, so that training can go on from its checkpoint.

        Raises:
            LostError: somebody else has taken the stage over; what was done here is not kept.
            StoreError: the store cannot be written.
        """
        ...

    def lock(self, name: str) -> AbstractContextManager[bool]:
        """Whether this process may do `name` now, which no two of a machine may do at a time."""
        ...

    # Living with it.

    def held(self) -> list[Held]:
        """Everything that is there of stages, finished or not, by name."""
        ...

    def remove(self, name: str) -> bool:
        """Remove what is `Held` under that name, at once for whoever looks; by the owner of a lease on its stage.

        Returns whether it was still there.
        """
        ...

    # Small files, called by `/` and names: "recipes/quickstart-full.json".

    def place(self, file: str = "") -> str:
        """What people call a file, or the store itself."""
        ...

    def read(self, file: str) -> bytes | None:
        """Its content, or None where it is not there."""
        ...

    def write(self, file: str, content: bytes) -> None:
        """Write it, whatever was there."""
        ...

    def change(self, file: str, changed: Callable[[bytes | None], bytes]) -> None:
        """Make of what is there something else, with nobody in between; `changed` may be asked several times."""
        ...

    def listed(self, folder: str) -> dict[str, float]:
        """The names of the files there, and when each was written, in seconds since 1970."""
        ...

    def gone(self, path: str) -> bool:
        """Whether a file that a command read, which used this store, is known to be there no more."""
        ...

    def written(self) -> AbstractContextManager[None]:
        """Say in one line that the disk on which stages are made cannot be written."""
        ...

    # What follows from the rest.

    def seen(self, stage: str, seconds: float) -> bool:
        """Whether a stage is finished that is said to be; a mount may show it so many seconds late."""
        end = time.monotonic() + seconds
        while not (there := self.done(stage)) and time.monotonic() < end:
            time.sleep(_LOOK)
        return there

    def stage(self, stage: str, *files: str) -> Path:
        """The local folder of a finished stage, in which these files lie, or all.

        Raises:
            StoreError: it is not there.
        """
        found = self.folders([stage], *files)
        if stage not in found:
            raise StoreError(f"{self.place(f'stages/{stage}')}: has disappeared; run the command again")
        return found[stage]


def unreadable(store: Store, file: str, why: str) -> StoreError:
    """The complaint about a small file that is not as a command wrote it."""
    return StoreError(f"{store.place(file)}: cannot be read ({why}); delete it and run again")


@contextmanager
def written(folder: Path, instead: str = "give another folder with --store") -> Iterator[None]:
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
        raise StoreError(f"{folder}: cannot be written ({problem.strerror or problem}); {instead}") from None


@contextmanager
def made_in(folder: Path, refused: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """Let `refused` speak where a file below `folder` could not be written, or its disk; a network may read files and
    addresses of its own, whose errors pass.
    """
    try:
        yield
    except OSError as problem:
        ours = isinstance(problem.filename, (str, os.PathLike)) and os.path.abspath(problem.filename).startswith(
            os.path.abspath(folder) + os.sep
        )
        if not ours and (problem.filename is not None or problem.errno not in _OF_DISKS):
            raise
        with refused():
            raise
