"""Carry out a plan: each stage once all that it needs is finished, timed ones last and alone; nothing is done again.

The order comes from the plan (`graphlib`), in the process that was started; the work is done by an executor. Several
commands on one store share the work without knowing of each other: each attempt holds a lock in the store, and a stage
that another command has locked is asked for again until that command has finished it or given it up.
"""

import heapq
import time
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

import torch

from ..data import Splits
from ..recipes.planning import Plan
from ..stages import Stage
from .events import Event, Listener
from .executor import Executor, Settled
from .here import Here
from .store import Store

_POLL = 0.3  # seconds between looks at what other commands are doing
_LONG = 60.0  # seconds to wait for an executor, which returns as soon as a stage is settled


@dataclass
class Outcome:
    """What became of a run: the stages that failed, with their messages."""

    failures: dict[str, str] = field(default_factory=dict)


def run_plan(made: Plan, splits: Splits, store: Store, device: torch.device, listen: Listener) -> Outcome:
    """Do every stage that is not done, one after the other in this process.

    Raises:
        StoreError: the store cannot be written, or what it holds cannot be read.
        BundleError: a network in the store cannot be read.
    """
    with Here(splits, store, device, listen) as executor:
        return carry_out(made, store, executor, listen)


def carry_out(made: Plan, store: Store, executor: Executor, listen: Listener) -> Outcome:
    """Do every stage that is not done, by an executor.

    A stage that refuses its network is reported and left out, with all that depends on it; the others go on.

    Raises:
        StoreError: the store cannot be written, or what it holds cannot be read, or a process has died.
        BundleError: a network in the store cannot be read.
    """
    run = _Run(made, store, executor, listen)
    while run.open:
        run.hand_out()
        run.wait()
    return run.outcome


class _Run:
    """Which stages are open, ready, waited for, and in work; a large plan takes no longer for each than a small one."""

    def __init__(self, made: Plan, store: Store, executor: Executor, listen: Listener) -> None:
        self.store, self.executor, self.listen = store, executor, listen
        self.outcome = Outcome()
        self.open: dict[str, Stage] = {}
        """All that is neither done nor failed."""
        done = store.names()
        for stage in made.stages:
            if stage.name in done:
                self._elsewhere(stage)
            else:
                self.open[stage.key] = stage
        self._places = {key: place for place, key in enumerate(self.open)}
        self._untimed = sum(not stage.timed for stage in self.open.values())
        self._order: TopologicalSorter[str] = TopologicalSorter(
            {key: [need.key for need in stage.needs if need.key in self.open] for key, stage in self.open.items()}
        )
        self._order.prepare()
        self._ready: list[tuple[bool, int, str]] = []
        """A heap: what is timed comes last, and the rest in the order of the plan."""
        self._later: list[tuple[float, str]] = []
        """A heap: when to ask again for a stage that another command has locked."""
        self._running: dict[Future[Settled], Stage] = {}
        self._told = False

    def hand_out(self) -> None:
        """Give the executor as much as it can work on."""
        while len(self._running) < self.executor.slots and (stage := self._next()) is not None:
            self._running[self.executor.submit(stage)] = stage
            if self.executor.slots == 1:
                return  # it may be settled already, and so change what comes first

    def _next(self) -> Stage | None:
        """The first stage that can be begun now; what was done or given up meanwhile is settled on the way."""
        while True:
            for key in self._order.get_ready():
                self._push(key)
            while self._later and self._later[0][0] <= time.monotonic():
                self._push(heapq.heappop(self._later)[1])
            if not self._ready or any(other.timed for other in self._running.values()):
                return None
            if self._ready[0][0] and (self._running or self._untimed):
                return None  # what is timed comes last, and alone
            stage = self.open[heapq.heappop(self._ready)[2]]
            if not self._settled_already(stage):
                return stage
            self._elsewhere(stage)
            self._settle(stage)

    def _push(self, key: str) -> None:
        heapq.heappush(self._ready, (self.open[key].timed, self._places[key], key))

    def _settled_already(self, stage: Stage) -> bool:
        reasons = [self.outcome.failures[need.key] for need in stage.needs if need.key in self.outcome.failures]
        if reasons:
            self.outcome.failures[stage.key] = reasons[0]
        return bool(reasons) or self.store.done(stage.name)

    def wait(self) -> None:
        """Until a stage in work is settled, or it is time to ask other commands again."""
        if not self.open:
            return
        if not self._running and not self._told:
            self._told = True
            self.listen(Event("waiting", "", "another process is working on what is left"))
        self.executor.wait(self._running, _POLL if self._later else _LONG)
        for future in [future for future in self._running if future.done()]:
            stage, settled = self._running.pop(future), future.result()
            if settled.what == "busy":
                heapq.heappush(self._later, (time.monotonic() + _POLL, stage.key))
                continue
            if settled.what == "failed":
                self.outcome.failures[stage.key] = settled.why
            self._settle(stage)

    def _settle(self, stage: Stage) -> None:
        self._told = False
        del self.open[stage.key]
        self._untimed -= not stage.timed
        self._order.done(stage.key)

    def _elsewhere(self, stage: Stage) -> None:
        self.listen(Event("elsewhere", stage.key, stage.label))


def useful_jobs(made: Plan, device: torch.device) -> int:
    """As many processes as can train side by side, at most one for each core; one on a GPU, which they would share.

    Small networks gain little from a second thread, and lose much when anything else wants its core. The number depends
    on the plan alone, not on how much of it is done: a resumed run computes with as many threads as it began with.
    """
    if device.type != "cpu":
        return 1
    depths = Counter(
        sum(before.value.trains for before in stage.ancestors()) for stage in made.stages if stage.value.trains
    )
    return max(1, min(torch.get_num_threads(), max(depths.values(), default=1)))
