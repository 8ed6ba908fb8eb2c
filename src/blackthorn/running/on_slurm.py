"""An executor of batch jobs, by `submitit`: each stage is a job of SLURM, and a job that is preempted is queued again.

A job takes a lease as any command does. When SLURM asks it to go, it lets the lease go and is queued again; on whatever
node it begins then, it goes on from the checkpoint that it finds in the store.
"""

import json
import math
import shutil
import time
from collections.abc import Collection
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from ..errors import BlackthornError, RecipeError, StoreError
from ..files import write_whole
from ..stages import Stage
from .events import Event, Listener
from .executor import Executor, Settled
from .opening import store_at
from .there import Surroundings, attempt_there, believed

_IN_FLIGHT = 100  # jobs in the queue at once
_LOOK = 1.0  # seconds between looks at jobs and their progress
_MINUTES = 24 * 60  # that a job asks for; SBATCH_TIMELIMIT says otherwise
_REQUEUED = 100  # times that a job may run into its time and be queued again


class OnSlurm(Executor):
    """Stages as batch jobs; `cluster` "local" stands for processes of this machine, to try out what a cluster does."""

    def __init__(
        self,
        cluster: Literal["slurm", "local"],
        where: Surroundings,
        listen: Listener,
        in_flight: int | None = None,
    ) -> None:
        self.slots = in_flight or _IN_FLIGHT
        self._cluster, self._where, self._listen = cluster, where, listen
        self._store = store_at(where.store)
        self._folder = self._store.folder.resolve() / "jobs"
        self._queues: dict[tuple[int, int], Any] = {}
        self._jobs: dict[Future[Settled], tuple[Any, Stage]] = {}
        self._heard: dict[str, str] = {}

    def __enter__(self) -> "OnSlurm":
        """Find the cluster.

        Raises:
            RecipeError: submitit is not installed, or there is no SLURM.
        """
        try:
            import submitit  # noqa: F401  # only whether it is there
        except ImportError:
            raise RecipeError("--on slurm: submitit is not installed; pip install 'blackthorn[slurm]'") from None
        if self._cluster == "slurm" and shutil.which("sbatch") is None:
            raise RecipeError("--on slurm: there is no sbatch here; run the command where jobs are submitted")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, where: TracebackType | None
    ) -> None:
        """Cancel what is still queued or at work for this command."""
        for job, _ in self._jobs.values():
            with suppress(Exception):  # a job may be gone already
                job.cancel()

    def submit(self, stage: Stage) -> "Future[Settled]":
        """Queue the stage."""
        future: Future[Settled] = Future()
        news = self._folder / f"{stage.key}.news"
        news.unlink(missing_ok=True)
        where, gpus = self._where.granted(stage.value.resources)
        queue = self._asking(where.threads, math.ceil(gpus))  # SLURM's standard plugin gives whole ones
        self._jobs[future] = (queue.submit(Job(where, stage, str(news))), stage)
        return future

    def _asking(self, cores: int, gpus: int) -> Any:
        """What submits jobs that ask for so much."""
        import submitit

        if (cores, gpus) not in self._queues:
            made = submitit.AutoExecutor(self._folder, cluster=self._cluster, slurm_max_num_timeout=_REQUEUED)
            asked = {"gpus_per_node": gpus} if gpus else {}
            made.update_parameters(timeout_min=_MINUTES, cpus_per_task=cores, name="blackthorn", **asked)
            self._queues[cores, gpus] = made
        return self._queues[cores, gpus]

    def wait(self, running: "Collection[Future[Settled]]", seconds: float) -> None:
        """Tell what happens until a job is done or the time is over."""
        end = time.monotonic() + seconds
        while not any(one.done() for one in running) and (left := end - time.monotonic()) > 0:
            for future, (job, stage) in list(self._jobs.items()):
                done = job.done()
                self._tell(stage)
                if done:
                    del self._jobs[future]
                    self._settle(future, job, stage)
            if not any(one.done() for one in running):
                time.sleep(min(_LOOK, left))

    def _tell(self, stage: Stage) -> None:
        """The last thing that a job has said."""
        try:
            said = (self._folder / f"{stage.key}.news").read_text("utf-8")
            event = Event(**json.loads(said))
        except (OSError, ValueError, TypeError):  # not there yet; it is only for the eye
            return
        if said != self._heard.get(stage.key):
            if stage.key not in self._heard and event.what != "started":
                self._listen(Event("started", stage.key, stage.label))
            self._heard[stage.key] = said
            self._listen(event)

    def _settle(self, future: "Future[Settled]", job: Any, stage: Stage) -> None:
        try:
            came = believed(job.result(), stage, self._store)
        except Exception as problem:  # submitit raises many kinds, for what went wrong in a job or with it
            said = [line for line in str(problem).splitlines() if line.strip()]
            why = said[-1][:200] if said else type(problem).__name__
            future.set_exception(
                StoreError(f"{stage.label}: its job {job.job_id} has failed ({why}); its output is {job.paths.stderr}")
            )
            return
        for path in self._folder.glob(f"{job.job_id}_*"):  # a job that went well leaves nothing to read
            path.unlink(missing_ok=True)
        (self._folder / f"{stage.key}.news").unlink(missing_ok=True)
        if isinstance(came, BlackthornError):
            future.set_exception(came)
        else:
            future.set_result(came)


@dataclass(frozen=True)
class Job:
    """What a batch job does."""

    where: Surroundings
    stage: Stage
    news: str
    """The file in which it says how far it is."""

    def __call__(self) -> Settled | BlackthornError:
        """Do the stage, from where an earlier attempt left it."""
        return attempt_there(self.where, self.stage, self._say)

    def checkpoint(self) -> Any:
        """What is queued again when the cluster asks the job to go: the same; the store knows how far it came."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)

    def _say(self, event: Event) -> None:
        with suppress(OSError):
            write_whole(Path(self.news), json.dumps(asdict(event)).encode())
