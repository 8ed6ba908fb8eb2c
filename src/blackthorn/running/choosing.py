"""Which executor carries a plan out: this process, several of this machine, ranks, or a cluster."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from ..data import Splits
from ..errors import RecipeError
from ..recipes.data import Data
from ..recipes.planning import Plan
from ..resources import Resources
from .events import Listener
from .executor import Executor
from .here import Here
from .joining import Talk
from .on_ranks import OnRanks
from .on_ray import OnRay
from .on_slurm import OnSlurm
from .processes import Processes
from .runner import useful_jobs
from .store import Store
from .there import Surroundings


@dataclass(frozen=True)
class Place:
    """Where stages are done: on this machine by default."""

    on: str | None = None
    """The cluster: `ray`, `ray://HOST:PORT`, `slurm` or `local`."""
    cores: int = 1
    """For each stage on a cluster that does not say itself what it needs."""
    talk: Talk | None = None
    """With the other ranks, where there are several."""


HERE = Place()


def executor_for(
    made: Plan,
    splits: Splits,
    data: Data,
    data_root: Path | None,
    store: Store,
    device: torch.device,
    listen: Listener,
    jobs: int | None = None,
    place: Place = HERE,
) -> Executor:
    """An executor, to be entered.

    Args:
        made: what is to be done; by default it decides how many processes are useful.
        splits: the images.
        data: how another process reads them.
        data_root: where it looks them up.
        store: where results are kept.
        device: where networks run.
        listen: hears what happens.
        jobs: processes, or stages that a cluster is given at once.
        place: where stages are done.
    Raises:
        RecipeError: there is no such cluster.
    """
    if place.on is not None:
        there = cluster(place.on)
        asked = {stage.value.resources for stage in made.stages}
        return there(Surroundings.of(data, data_root, store, device, place.cores), asked, listen, jobs)
    if place.talk is not None:
        here = Surroundings.of(data, data_root, store, device, torch.get_num_threads())
        return OnRanks(place.talk, here, splits, store, device, listen)
    jobs = useful_jobs(made, device) if jobs is None else jobs
    if jobs <= 1 or store.names().issuperset(stage.name for stage in made.stages):
        return Here(splits, store, device, listen)
    return Processes(jobs, data, None if data_root is None else str(data_root), store, device, listen)


def cluster(on: str) -> Callable[[Surroundings, Collection[Resources | None], Listener, int | None], Executor]:
    """What makes an executor for a cluster of that name: of where it works, what its stages will ask for, who hears
    what happens, and how many stages are handed out at once.

    Raises:
        RecipeError: there is none.
    """
    if on == "ray" or (on.startswith("ray://") and ":" in on.removeprefix("ray://")):
        address = None if on == "ray" else on
        return lambda where, asked, listen, jobs: OnRay(address, where, asked, listen, jobs)
    if on in ("slurm", "local"):
        kind: Literal["slurm", "local"] = "slurm" if on == "slurm" else "local"
        return lambda where, asked, listen, jobs: OnSlurm(kind, where, listen, jobs)
    raise RecipeError(f"--on {on}: there is no such cluster; write ray, ray://HOST:PORT, slurm or local")
