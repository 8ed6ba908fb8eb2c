"""One attempt at one stage, in whatever process: with a lease on it, in its folder, with its errors told apart."""

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from ..data import Splits
from ..errors import BlackthornError, BundleError, RanksError, StoreError
from ..stages import Stage, Work
from ..stages.artifacts import RECORDS, load_records
from ..stages.perform import perform
from ..stopping import came_of_a_signal
from .events import Event, Listener
from .executor import Settled
from .lease import Lease, LostError
from .provenance import made_with
from .store import Store


def attempt(
    stage: Stage, splits: Splits, store: Store, device: torch.device, listen: Listener, *, patience: float = 0.0
) -> Settled:
    """Do a stage whose needs are finished, unless another command is at it or has done it.

    With patience, wait so many seconds for needs that another machine has finished, until a mount shows them here.

    Raises:
        StoreError: the store cannot be written, or what it holds cannot be read.
        BundleError: a network in the store cannot be read.
        RanksError: another rank has ended.
    """
    # Two commands must not measure time side by side, even of different stages.
    with store.lock("timing") if stage.timed else nullcontext(True) as quiet:
        if not quiet:
            return Settled("busy")
        with store.lease(stage.name) as lease:
            if lease is None:
                return Settled("busy")
            if store.done(stage.name):
                lease.finished = True
                listen(Event("elsewhere", stage.key, stage.label))
                return Settled("done")
            listen(Event("started", stage.key, stage.label))
            try:
                return _with_lease(stage, lease, splits, store, device, listen, patience)
            except Exception as problem:
                if not isinstance(problem, LostError) and not lease.lost():
                    raise
            listen(Event("lost", stage.key, stage.label))
            return Settled("busy")


def _with_lease(
    stage: Stage,
    lease: Lease,
    splits: Splits,
    store: Store,
    device: torch.device,
    listen: Listener,
    patience: float,
) -> Settled:
    start = time.perf_counter()

    def progress(text: str, done: int, total: int) -> None:
        if lease.noticed:
            raise LostError
        listen(Event("advanced", stage.key, stage.label, text, done, total))

    def finished(need: Stage) -> Path:
        store.seen(need.name, patience)
        return store.stage(need.name)

    try:
        with store.work(stage.name, lease) as folder:
            logger = _Told(stage, listen)
            perform(Work(stage, folder, splits, finished, device, progress, made_with(device), logger))
            metrics = _numbers(folder)
    except (StoreError, BundleError, RanksError) as problem:
        raise type(problem)(f"{stage.label}: {problem}") from problem
    except Exception as problem:
        if isinstance(problem, LostError) or lease.lost() or came_of_a_signal(problem):
            raise
        reason = reason_of(problem, stage)
        if reason is None and isinstance(problem, OSError):
            with store.written():
                raise
        if reason is None:
            raise
        listen(Event("failed", stage.key, stage.label, reason))
        return Settled("failed", f"{stage.label}: {reason}")
    listen(Event("finished", stage.key, stage.label, seconds=time.perf_counter() - start, metrics=metrics))
    return Settled("done")


@dataclass(frozen=True)
class _Told:
    """Hands the numbers of a training on as events."""

    stage: Stage
    listen: Listener

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """The means of an epoch."""
        self.listen(Event("logged", self.stage.key, self.stage.label, done=step, metrics=dict(metrics)))


def _numbers(folder: Path) -> dict[str, float]:
    """The number of a measure that has one, with its interval."""
    records = load_records(folder) if (folder / RECORDS).is_file() else []
    reading = records[0].reading if len(records) == 1 else None
    return {} if reading is None else {"value": reading.value, "low": reading.low, "high": reading.high}


def reason_of(problem: Exception, stage: Stage) -> str | None:
    """Why a network cannot go through a stage; None for an error of this program, which must not be hidden."""
    first = " ".join(str(problem).split())[:200]
    if isinstance(problem, BlackthornError):
        return str(problem)
    if isinstance(problem, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in first:
        return "there is not enough memory; write a smaller batch_size, or take a smaller network"
    kinds = [str(one.model.get("kind")) for one in (stage, *stage.needs)]
    kind = next((kind for kind in kinds if ":" in kind), None)
    return None if kind is None else f"{kind} raised {type(problem).__name__}: {first}"
