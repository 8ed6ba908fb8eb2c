"""An executor of several processes on this machine, each with its share of the cores."""

import multiprocessing as mp
import queue
import signal
import threading
import time
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import torch

from ..errors import BlackthornError, StoreError
from ..recipes.data import Data
from ..stages import Stage
from ..values import parse, spell
from .attempt import attempt
from .events import Event, Listener
from .executor import Executor, Settled
from .following import with_starter
from .store import Store

_LOOK = 0.3  # seconds between looks at whether the processes live


class Processes(Executor):
    """Worker processes that take stages from one queue, and put what happens into another."""

    def __init__(
        self, jobs: int, data: Data, data_root: str | None, store: Store, device: torch.device, listen: Listener
    ) -> None:
        self.slots = jobs
        self._listen = listen
        self._futures: dict[str, Future[Settled]] = {}
        context = mp.get_context("spawn")
        self._stages: Any = context.Queue()
        self._news: Any = context.Queue()
        threads = max(1, torch.get_num_threads() // jobs)
        given = (spell(data), data_root, store, str(device), threads, self._stages, self._news)
        self._workers = [
            context.Process(target=with_starter, args=(__name__, *given), daemon=True) for _ in range(jobs)
        ]

    def __enter__(self) -> "Processes":
        with _deaf():
            for worker in self._workers:
                worker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        """Ask the processes to end, or end them after an error."""
        for worker in self._workers:
            if problem is None:
                self._stages.put(None)
            else:
                worker.terminate()
        for worker in self._workers:
            worker.join()
        for one in (self._stages, self._news):
            one.close()
            one.cancel_join_thread()  # what is left in a queue after an error concerns nobody

    def submit(self, stage: Stage) -> "Future[Settled]":
        """Put the stage where the next free process takes it."""
        self._futures[stage.key] = Future()
        self._stages.put(stage)
        return self._futures[stage.key]

    def wait(self, running: "Collection[Future[Settled]]", seconds: float) -> None:
        """Tell what happens until a stage is settled, the time is over, or a process has died."""
        end = time.monotonic() + seconds
        while not any(one.done() for one in running) and (left := end - time.monotonic()) > 0:
            try:
                item = self._news.get(timeout=min(_LOOK, left))
            except queue.Empty:
                self._refuse_deaths()
                continue
            self._hear(item)

    def _hear(self, item: Any) -> None:
        key, said = item
        if key is None:
            self._listen(said)
        elif isinstance(said, BlackthornError):
            self._futures.pop(key).set_exception(said)
        else:
            self._futures.pop(key).set_result(said)

    def _refuse_deaths(self) -> None:
        dead = [worker for worker in self._workers if not worker.is_alive()]
        if dead and self._news.empty():
            raise StoreError(
                f"a worker process ended with code {dead[0].exitcode}; run the same command again to go on, with fewer "
                "--jobs"
            )


def work(data: Any, data_root: str | None, store: Store, device: str, threads: int, stages: Any, news: Any) -> None:
    """What a worker process does: take stages from one queue until there is None, and tell the other what happens."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    try:
        splits = parse(Data, data).load(data_root)
    except BlackthornError as problem:
        stage = stages.get()
        if stage is not None:
            news.put((stage.key, _travelling(problem)))
        return

    def listen(event: Event) -> None:
        news.put((None, event))

    while (stage := stages.get()) is not None:
        try:
            news.put((stage.key, attempt(stage, splits, store, torch.device(device), listen)))
        except BlackthornError as problem:
            news.put((stage.key, _travelling(problem)))


def _travelling(problem: BlackthornError) -> BlackthornError:
    """Without its cause, which may not travel between processes."""
    return type(problem)(str(problem))


@contextmanager
def _deaf() -> Iterator[None]:
    """Let processes that are started meanwhile ignore Ctrl-C, which a terminal sends to all."""
    if threading.current_thread() is not threading.main_thread():  # only that one may say what signals do
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
