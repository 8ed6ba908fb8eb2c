"""Run the stages of a plan, in this process or several; what is done already is never done again.

There is no scheduler: every worker walks the same plan over the same store, and works on whatever is ready and not
locked by another. Two commands started by hand on one store share the work in the same way.
"""

import multiprocessing as mp
import os
import queue
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, MutableSequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..data import Splits, load_data
from ..errors import BlackthornError, BundleError, StoreError
from ..recipes.planning import Plan, Stage, plan
from ..recipes.schema import Data, Recipe
from ..stages.stages import perform
from ..stages.work import stage_model, trainings_before
from ..types import Progress
from ..values import parse, spell
from .store import Store

_POLL = 0.3  # seconds between looks at what other processes are doing


@dataclass(frozen=True)
class Event:
    """What happens to a stage: `started`, `advanced`, `finished`, `failed`, or done `elsewhere`, earlier or by
    another process; `waiting` says that another process works on the only stages left.
    """

    what: str
    key: str
    label: str
    text: str = ""
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    worker: int = 0


Listener = Callable[[Event], None]


@dataclass
class Outcome:
    """What became of a run: the stages that failed, with their messages."""

    failures: dict[str, str] = field(default_factory=dict)


def load_splits(data: Data, data_root: str | os.PathLike[str] | None) -> Splits:
    """The images a recipe names."""
    resize = list(data.resize) if isinstance(data.resize, tuple) else data.resize
    return load_data(
        data.source,
        data_root=data_root,
        resize=resize,
        mode=data.mode,
        valid=data.valid,
        train=data.train,
        test=data.test,
    )


def run_plan(
    made: Plan,
    splits: Splits,
    store: Store,
    device: torch.device,
    listen: Listener,
    worker: int = 0,
    given_up: MutableSequence[int] | None = None,
) -> Outcome:
    """Do every stage that is not done, in this process, beside any others on the same store.

    A stage that refuses its network is reported and left out, with all that depends on it; the others go on.

    Args:
        made: the plan.
        splits: the images it was made for.
        store: where the stages are kept.
        device: where networks are trained and measured.
        listen: told what happens.
        worker: the number of this process among several.
        given_up: a number for each stage of the plan, 1 where it failed; shared by the processes of one command, so
            that what failed in one is not tried in another.
    Raises:
        StoreError: the store cannot be written, or what it holds cannot be read.
        BundleError: a network in the store cannot be read.
    """
    outcome = Outcome()
    told = False
    given_up = [0] * len(made.stages) if given_up is None else given_up
    number = {stage.key: position for position, stage in enumerate(made.stages)}
    pending = {stage.key: stage for stage in made.stages}
    while pending:
        idle = True
        for stage in list(pending.values()):
            if store.done(stage.kind, stage.key):
                listen(Event("elsewhere", stage.key, stage.label, worker=worker))
                del pending[stage.key]
                idle = False
            elif given_up[number[stage.key]] or any(given_up[number[need.key]] for need in stage.needs):
                for need in stage.needs:
                    if need.key in outcome.failures:
                        outcome.failures.setdefault(stage.key, outcome.failures[need.key])
                given_up[number[stage.key]] = 1
                listen(Event("elsewhere", stage.key, stage.label, worker=worker))
                del pending[stage.key]
                idle = False
            elif _ready(stage, store, pending) and _attempt(stage, splits, store, device, listen, worker, outcome):
                given_up[number[stage.key]] = int(stage.key in outcome.failures)
                pending.pop(stage.key)
                idle = False
                break  # parents first: look at the plan from the top again
        if idle and pending:
            if not told:
                listen(Event("waiting", "", "another process is working on what is left", worker=worker))
            time.sleep(_POLL)
        told = idle
    return outcome


def _ready(stage: Stage, store: Store, pending: Mapping[str, Stage]) -> bool:
    if not all(store.done(need.kind, need.key) for need in stage.needs):
        return False
    # Timings wait until nothing else of this plan is left.
    return stage.kind != "cost" or all(other.kind == "cost" for other in pending.values())


def _attempt(
    stage: Stage, splits: Splits, store: Store, device: torch.device, listen: Listener, worker: int, outcome: Outcome
) -> bool:
    """Whether the stage is settled: done by us or by another, or failed. False when another process is at it."""
    with store.lock("timing" if stage.kind == "cost" else stage.key) as ours:
        if not ours:
            return False
        if store.done(stage.kind, stage.key):
            listen(Event("elsewhere", stage.key, stage.label, worker=worker))
            return True
        start = time.perf_counter()
        listen(Event("started", stage.key, stage.label, worker=worker))

        def progress(text: str, done: int, total: int) -> None:
            listen(Event("advanced", stage.key, stage.label, text, done, total, worker=worker))

        def finished(parent: Stage) -> Path:
            folder = store.done(parent.kind, parent.key)
            if folder is None:
                raise StoreError(f"{store.stage(parent.kind, parent.key)}: has disappeared; run the command again")
            return folder

        try:
            with store.work(stage.kind, stage.key) as folder:
                perform(stage, folder, splits, finished, device, progress)
        except (StoreError, BundleError) as problem:
            raise type(problem)(f"{stage.label}: {problem}") from problem
        except Exception as problem:
            reason = _reason(problem, stage)
            if reason is None:
                raise
            outcome.failures[stage.key] = f"{stage.label}: {reason}"
            listen(Event("failed", stage.key, stage.label, reason, worker=worker))
            return True
        listen(Event("finished", stage.key, stage.label, seconds=time.perf_counter() - start, worker=worker))
        return True


def _reason(problem: Exception, stage: Stage) -> str | None:
    """Why a network cannot go through a stage; None for an error of ours, which is not to be talked away."""
    first = " ".join(str(problem).split())[:200]
    if isinstance(problem, BlackthornError):
        return str(problem)
    if isinstance(problem, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in first:
        return "there is not enough memory; write a smaller batch_size, or take a smaller network"
    kinds = [str(stage_model(one).get("kind")) for one in (stage, *stage.needs)]
    kind = next((kind for kind in kinds if ":" in kind), None)
    return None if kind is None else f"{kind} raised {type(problem).__name__}: {first}"


def useful_jobs(made: Plan, device: torch.device) -> int:
    """As many processes as can train side by side, at most one for each core; one on a GPU, which they would share.

    Small networks gain little from a second thread, and lose much when anything else wants its core. The number depends
    on the plan alone, not on how much of it is done: a resumed run computes with as many threads as it began with.
    """
    if device.type != "cpu":
        return 1
    depths = Counter(trainings_before(stage) for stage in made.stages if stage.kind == "train")
    return max(1, min(torch.get_num_threads(), max(depths.values(), default=1)))


def run_jobs(
    recipe: Recipe,
    made: Plan,
    splits: Splits,
    store: Store,
    device: torch.device,
    listen: Listener,
    *,
    jobs: int,
    data_root: str | None,
) -> Outcome:
    """Do a plan in `jobs` processes, each with its share of the cores; with one job, in this process.

    Raises:
        BlackthornError: what a stage refuses, or a process that died.
    """
    if jobs <= 1 or all(store.done(stage.kind, stage.key) for stage in made.stages):
        return run_plan(made, splits, store, device, listen)
    context = mp.get_context("spawn")
    news: Any = context.Queue()
    given_up: Any = context.Array("b", len(made.stages))
    threads = max(1, torch.get_num_threads() // jobs)
    workers = [
        context.Process(
            target=_work,
            args=(spell(recipe), str(store.folder), str(device), data_root, threads, number, news, given_up),
            daemon=True,
        )
        for number in range(jobs)
    ]
    with _deaf():
        for process in workers:
            process.start()
    outcome, left = Outcome(), set(range(jobs))
    problem: BlackthornError | None = None
    try:
        while left and problem is None:
            try:
                item = news.get(timeout=_POLL)
            except queue.Empty:
                dead = [n for n in left if not workers[n].is_alive() and news.empty()]
                if dead:
                    code = workers[dead[0]].exitcode
                    problem = StoreError(
                        f"a worker process ended with code {code}; run the same command again to go "
                        "on, with fewer --jobs"
                    )
                continue
            if isinstance(item, Event):
                if item.what != "waiting":  # workers wait for each other all the time
                    listen(item)
            elif isinstance(item, BlackthornError):
                problem = item
            else:
                number, failures = item
                outcome.failures |= failures
                left.discard(number)
    finally:
        for process in workers:
            if problem is not None or (process.is_alive() and left):
                process.terminate()
            process.join()
    if problem is not None:
        raise problem
    return outcome


def _work(
    spelled: Any,
    folder: str,
    device: str,
    data_root: str | None,
    threads: int,
    number: int,
    news: Any,
    given_up: MutableSequence[int],
) -> None:
    """A worker process: the same plan, the same store; it ends with the process that started it, however that ends."""
    threading.Thread(target=_follow, daemon=True).start()
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    try:
        recipe: Recipe = parse(Recipe, spelled)
        splits = load_splits(recipe.data, data_root)
        made, store = plan(recipe, splits), Store(Path(folder))
        outcome = run_plan(made, splits, store, torch.device(device), news.put, number, given_up)
        news.put((number, outcome.failures))
    except BlackthornError as problem:
        news.put(type(problem)(str(problem)))  # without its cause, which may not travel between processes


def _follow() -> None:
    starter = mp.parent_process()
    if starter is not None:
        starter.join()
        os._exit(1)


@contextmanager
def _deaf() -> Iterator[None]:
    """Processes started meanwhile ignore Ctrl-C, which a terminal sends to all: whoever started them ends them."""
    if threading.current_thread() is not threading.main_thread():  # only that one may say what signals do
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def quiet(event: Event) -> None:
    """A listener that says nothing."""
    del event


__all__ = ["Event", "Listener", "Outcome", "Progress", "load_splits", "quiet", "run_jobs", "run_plan", "useful_jobs"]
