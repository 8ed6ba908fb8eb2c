"""An executor of several ranks: they train together, and measure side by side.

A training is done by all ranks, each on its part of every batch; the first keeps it. Any other stage is done by one
rank as a whole, which measures exactly what one process would; the first rank hands such stages out and takes its turn.
"""

import time
from collections import deque
from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

import torch

from .. import errors
from ..data import Splits
from ..errors import BlackthornError, RanksError, RecipeError
from ..recipes.planning import Plan
from ..speed.ranks import Ranks, alone
from ..stages import Stage, Work
from .attempt import attempt, reason_of
from .events import Event, Listener
from .executor import Executor, Settled
from .joining import Talk
from .store import Store
from .there import LATE, Surroundings, attempt_there, believed, settled_in

_LOOK = 0.05  # seconds between looks at what the others have done
_TOGETHER = 60.0  # seconds after which all ranks must have come to the end of a training, or to the same error
_AGAIN = "run the same command again to go on"


def check_batches(made: Plan, ranks: Ranks) -> None:
    """Refuse trainings whose batches have fewer images than there are ranks, before anything is trained.

    Raises:
        RecipeError: names the first of them.
    """
    for stage in made.stages:
        if stage.value.trains and stage.value.batch_size < ranks.count:
            raise RecipeError(
                f"--devices {ranks.count}: {stage.label} has a batch_size of {stage.value.batch_size}, and each rank "
                "needs an image of every batch; take fewer devices, or a larger batch"
            )


class OnRanks(Executor):
    """What the first rank does."""

    def __init__(
        self, talk: Talk, where: Surroundings, splits: Splits, store: Store, device: torch.device, listen: Listener
    ) -> None:
        self.slots = talk.ranks.count
        self._talk, self._where = talk, where
        self._splits, self._store, self._device, self._listen = splits, store, device, listen
        self._waiting: deque[tuple[Stage, Future[Settled]]] = deque()
        self._busy: dict[int, tuple[Stage, Future[Settled]]] = {}

    def __enter__(self) -> "OnRanks":
        for rank in self._talk.others:
            self._talk.tell(rank, "begin", self._where)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        """The others are let go when the ranks part."""

    def submit(self, stage: Stage) -> "Future[Settled]":
        """Put the stage where the next free rank, or all of them, take it."""
        future: Future[Settled] = Future()
        self._waiting.append((stage, future))
        return future

    def wait(self, running: "Collection[Future[Settled]]", seconds: float) -> None:
        """Hand stages out, and do one here; tell what happened elsewhere.

        Raises:
            RanksError: a rank has ended, or has come to another end than the others.
        """
        end = time.monotonic() + seconds
        while not any(one.done() for one in running) and time.monotonic() < end:
            if not self._work():
                time.sleep(_LOOK)
            self._collect()

    def _work(self) -> bool:
        """Do a stage here, if there is one to do now, after the others have got theirs."""
        while self._waiting:
            stage, future = self._waiting[0]
            if stage.value.shared(self._splits):
                if self._busy:
                    return False
                self._waiting.popleft()
                future.set_result(self._together(stage))
                return True
            self._waiting.popleft()
            free = [rank for rank in self._talk.others if rank not in self._busy]
            if not free or all(other.value.shared(self._splits) for other, _ in self._waiting):
                with alone():  # the last is for this rank, which has nothing else to do
                    future.set_result(attempt(stage, self._splits, self._store, self._device, self._listen))
                return True
            self._busy[free[0]] = stage, future
            self._listen(Event("started", stage.key, stage.label))
            self._talk.tell(free[0], "do", stage)
        return False

    def _collect(self) -> None:
        for rank, (stage, future) in list(self._busy.items()):
            answer = self._talk.answered(rank)
            if answer is None:
                continue
            del self._busy[rank]
            for event in answer["events"]:
                self._listen(Event(**event))
            came = believed(_read(answer["came"]), stage, self._store)
            if isinstance(came, BlackthornError):
                future.set_exception(came)
            else:
                future.set_result(came)

    def _together(self, stage: Stage) -> Settled:
        """Train with all ranks: they are told once the stage is this command's."""
        begun = False

        def listen(event: Event) -> None:
            nonlocal begun
            if event.what == "started":
                begun = True
                for rank in self._talk.others:
                    self._talk.tell(rank, "share", stage)
            self._listen(event)

        settled = attempt(stage, self._splits, self._store, self._device, listen)
        if not begun:
            return settled
        if settled.what == "busy":
            raise RanksError(f"{stage.label}: another command has taken it over, since this one stood still; {_AGAIN}")
        for rank in self._talk.others:
            answer = self._talk.answered(rank, _TOGETHER)
            came = None if answer is None else _read(answer)
            if not isinstance(came, Settled) or came.what != settled.what:
                ours, theirs = (_ended(one) for one in (settled, came))
                raise RanksError(f"{stage.label}: rank 0 {ours} and rank {rank} {theirs}; {_AGAIN}")
        for rank in self._talk.others:
            self._talk.tell(rank, "agreed")
        return settled


def _written(came: Settled | BlackthornError) -> list[str]:
    """What came of a stage, as an answer."""
    return [came.what, came.why] if isinstance(came, Settled) else [type(came).__name__, str(came)]


def _read(answer: list[str]) -> Settled | BlackthornError:
    what, why = answer
    kind = getattr(errors, what, None)
    return Settled(what, why) if kind is None else kind(why)  # type: ignore[arg-type]  # as written


def _ended(settled: Settled | BlackthornError | None) -> str:
    if not isinstance(settled, Settled):
        return "does not answer" if settled is None else str(settled)
    return "is done" if settled.what == "done" else f"has failed ({settled.why})"


def follow(talk: Talk, device: torch.device) -> None:
    """What every other rank does: whatever the first one says, until it says that there is no more.

    Raises:
        RanksError: the first rank has ended, or this one has failed alone.
        BlackthornError: the images cannot be read here.
    """
    word, where = talk.hear()
    if word == "end":
        return
    where = where.on(device)
    while (heard := talk.hear())[0] != "end":
        word, stage = heard
        if word == "do":
            events: list[Event] = []
            with alone():
                came = attempt_there(where, stage, events.append)
            told = [asdict(event) for event in events if event.what not in ("started", "advanced")]
            talk.answer({"came": _written(came), "events": told})
            continue
        settled = _shared(where, stage)
        talk.answer(_written(settled))
        try:
            talk.hear(None if settled.what == "done" else _TOGETHER)
        except RanksError as problem:
            raise RanksError(f"{settled.why} ({problem})" if settled.why else str(problem)) from None


def _shared(where: Surroundings, stage: Stage) -> Settled:
    """This rank's part of a training, in a folder that nobody keeps."""
    splits, store = settled_in(where)

    def finished(need: Stage) -> Path:
        if not store.seen(need.name, LATE):
            place = store.place(f"stages/{need.name}")
            raise RanksError(f"{place}: is not seen here; all ranks must see the store")
        return store.stage(need.name)

    with TemporaryDirectory() as scratch:
        work = Work(stage, Path(scratch), splits, finished, torch.device(where.device), _unheard, {})
        try:
            stage.value.run(work)
        except RanksError:
            raise
        except Exception as problem:
            reason = reason_of(problem, stage)
            if reason is None:
                raise
            return Settled("failed", f"{stage.label}: {reason}")
    return Settled("done")


def _unheard(text: str, done: int, total: int) -> None:
    del text, done, total
