"""Where stages are done: the protocol between the runner, which knows the order, and the processes that do the work."""

from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol

from ..stages import Stage


@dataclass(frozen=True)
class Settled:
    """What came of a stage that was handed to an executor."""

    what: Literal["done", "busy", "failed"]
    """busy: another command holds its lock, so that nothing was done."""
    why: str = ""
    """Of a failure."""


class Executor(Protocol):
    """Does stages whose needs are finished, in this process or in others.

    Another kind, for a cluster say, has to get a stage to a process that sees the store and the images, call
    `attempt` there, and bring back what it returns.
    """

    slots: int
    """How many stages it can work on at once."""

    def __enter__(self) -> "Executor": ...

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        """Let go of all processes; after an error, without waiting for what they do."""

    def submit(self, stage: Stage) -> "Future[Settled]":
        """Begin a stage; the future holds what came of it, or the error that ends the whole run."""
        ...

    def wait(self, running: "Collection[Future[Settled]]", seconds: float) -> None:
        """Return as soon as one of these is done, and after these seconds at the latest; events are told meanwhile.

        Raises:
            StoreError: a process has died.
        """
        ...
