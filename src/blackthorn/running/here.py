"""An executor that does one stage after the other in this process."""

from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from time import sleep
from types import TracebackType

import torch

from ..data import Splits
from ..speed.ranks import alone
from ..stages import Stage
from .attempt import attempt
from .events import Listener
from .executor import Executor, Settled
from .store import Store


@dataclass
class Here(Executor):
    """Submitting a stage does it."""

    splits: Splits
    store: Store
    device: torch.device
    listen: Listener
    slots: int = 1

    def __enter__(self) -> "Here":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        """There is nothing to let go of."""

    def submit(self, stage: Stage) -> "Future[Settled]":
        """Do the stage now; what ends the whole run is raised at once."""
        done: Future[Settled] = Future()
        with alone():  # whoever calls this in a process group has not told the other ranks which stage it is
            done.set_result(attempt(stage, self.splits, self.store, self.device, self.listen))
        return done

    def wait(self, running: "Collection[Future[Settled]]", seconds: float) -> None:
        """Everything that was submitted is done; without any, let the time go by."""
        if not running:
            sleep(seconds)
