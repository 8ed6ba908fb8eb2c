"""An executor on a Ray cluster: each stage is a task, which Ray tries again on another worker when one dies.

The store stays the truth: a task takes a lease as any command does, goes on from the checkpoint that it finds, and
leaves a finished folder. Ray decides only where and when.

Reference: Moritz et al. 2018, "Ray: a distributed framework for emerging AI applications".
"""

import logging
import os
import socket
import time
from collections.abc import Collection
from concurrent.futures import Future
from importlib import import_module
from types import TracebackType
from typing import Any

from ..errors import BlackthornError, RecipeError, StoreError
from ..resources import Resources
from ..stages import Stage
from .events import Event, Listener
from .executor import Executor, Settled
from .opening import store_at
from .there import Surroundings, attempt_there, believed

_IN_FLIGHT = 1000  # stages that are handed to Ray at once: it queues them, and a cluster that grows looks at its queue
_RETRIES = 10  # times that a stage is begun again after its worker has died
_LOOK = 0.3  # seconds between looks at what happens
_ASK_HEAD = 5.0  # seconds between questions whether the head is there, and how long an answer may take
_AGAIN = "what is finished is in the store: run the same command again to go on"


class OnRay(Executor):
    """Stages as tasks of a cluster."""

    def __init__(
        self,
        address: str | None,
        where: Surroundings,
        asked: Collection[Resources | None],
        listen: Listener,
        in_flight: int | None = None,
    ) -> None:
        """`address`: that of a Ray client's server, `ray://HOST:PORT`; None for what RAY_ADDRESS says, or else for the
        cluster of this machine, which is started if there is none. `asked`: whatever stages will ask for.
        """
        self.slots = in_flight or _IN_FLIGHT
        self._address, self._where, self._asked_for, self._listen = address, where, asked, listen
        self._futures: dict[Any, tuple[Future[Settled], Stage]] = {}
        self._store = store_at(where.store)
        self._asked = 0.0

    def __enter__(self) -> "OnRay":
        """Connect to the cluster, or start one.

        Raises:
            RecipeError: Ray is not installed, nothing answers at the address, or no node has what a stage asks for.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            ray: Any = import_module("ray")
        except ImportError:
            raise RecipeError("--on ray: Ray is not installed; pip install 'blackthorn[ray]'") from None
        self._ray = ray
        options: dict[str, Any] = {} if self._address else {"log_to_driver": False, "logging_level": logging.ERROR}
        found = self._address or os.environ.get("RAY_ADDRESS")
        if found not in (None, "auto", "local") and not _answers(found):
            raise RecipeError(f"--on {self._address or 'ray'}: nothing answers at {found}; {_START}")
        try:
            ray.init(self._address, ignore_reinit_error=True, **options)
        except Exception as problem:  # Ray raises many kinds
            first = " ".join(str(problem).split())[:200]
            raise RecipeError(f"--on {self._address or 'ray'}: no cluster answers ({first}); {_START}") from None
        self._head = (
            ray.get_runtime_context().gcs_address if self._address is None else self._address.rpartition("/")[2]
        )
        for asked in self._asked_for:
            where, gpus = self._where.granted(asked)
            if not self._fits(where.threads, gpus):
                wanted = f"{where.threads} core{'s' if where.threads > 1 else ''}{f' and {gpus:g} GPU' if gpus else ''}"
                raise RecipeError(
                    f"--on ray: no node of the cluster has {wanted}, which a stage asks for; add a node, or change "
                    "resources in the recipe, --cores or --device"
                )
        self._mailbox = ray.remote(num_cpus=0, max_restarts=-1)(_Mailbox).remote()
        self._task = ray.remote(max_retries=_RETRIES)(_do)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        """Leave the cluster, which ends what is still at work for this command."""
        if problem is None or _answers(self._head):  # without a head, Ray would wait for it
            self._ray.shutdown()

    def submit(self, stage: Stage) -> "Future[Settled]":
        """Hand the stage to the cluster."""
        future: Future[Settled] = Future()
        where, gpus = self._where.granted(stage.value.resources)
        task = self._task.options(num_cpus=where.threads, num_gpus=gpus)
        self._futures[task.remote(where, stage, self._mailbox)] = (future, stage)
        return future

    def wait(self, running: "Collection[Future[Settled]]", seconds: float) -> None:
        """Tell what happens until a stage is settled or the time is over.

        Raises:
            StoreError: the head of the cluster does not answer.
        """
        end = time.monotonic() + seconds
        while not any(one.done() for one in running) and (left := end - time.monotonic()) > 0:
            self._ask_head()
            try:
                self._look(min(_LOOK, left))
            except self._ray.exceptions.RayError as problem:
                raise StoreError(f"Ray: {_first_line(problem)}; {_AGAIN}") from None

    def _look(self, seconds: float) -> None:
        if not self._futures:
            time.sleep(seconds)
            return
        done, _ = self._ray.wait(list(self._futures), timeout=seconds)
        self._tell()
        for one in done:
            self._settle(*self._futures.pop(one), one)

    def _settle(self, future: "Future[Settled]", stage: Stage, one: Any) -> None:
        try:
            came = believed(self._ray.get(one), stage, self._store)
        except self._ray.exceptions.RayTaskError as problem:  # an error of this program, which must not be hidden
            future.set_exception(problem.cause or problem)
        except self._ray.exceptions.RayError as problem:
            future.set_exception(StoreError(f"Ray has given a stage up: {_first_line(problem)}; {_AGAIN}"))
        else:
            if isinstance(came, BlackthornError):
                future.set_exception(came)
            else:
                future.set_result(came)

    def _tell(self) -> None:
        try:
            news = self._ray.get(self._mailbox.take.remote(), timeout=_ASK_HEAD)
        except (self._ray.exceptions.GetTimeoutError, self._ray.exceptions.RayActorError):
            return  # its node may have died; it is started again elsewhere, and what it had is only for the eye
        for event in news:
            self._listen(event)

    def _fits(self, cores: int, gpus: float) -> bool:
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        return any(node.get("CPU", 0) >= cores and node.get("GPU", 0) >= gpus for node in nodes)

    def _ask_head(self) -> None:
        """Ray itself would wait a minute for a head that is gone, and then end the process without a word."""
        if time.monotonic() - self._asked < _ASK_HEAD:
            return
        self._asked = time.monotonic()
        if not _answers(self._head):
            raise StoreError(f"the head of the Ray cluster, {self._head}, does not answer any more; {_AGAIN}")


_START = "start one with ray start --head, and name it by RAY_ADDRESS=HOST:6379, or by --on ray://HOST:10001"


class _Mailbox:
    """An actor that keeps events until the command takes them."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def put(self, event: Event) -> None:
        """Keep an event."""
        self._events.append(event)

    def take(self) -> list[Event]:
        """All events since the last time."""
        events, self._events = self._events, []
        return events


def _do(where: Surroundings, stage: Stage, mailbox: Any) -> Settled | BlackthornError:
    """The task."""
    return attempt_there(where, stage, mailbox.put.remote)


def _answers(address: str) -> bool:
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=_ASK_HEAD):
            return True
    except (OSError, ValueError):
        return False


def _first_line(problem: Exception) -> str:
    return (str(problem).strip() or type(problem).__name__).splitlines()[0][:200]
