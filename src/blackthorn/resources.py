"""What a step or a measure asks a cluster for."""

from typing import Annotated

from pydantic import AfterValidator, Field

from .values import Aside, Count, Number, value


def _share(gpus: float) -> float:
    if not 0 <= gpus <= 1:
        raise ValueError(
            "0 (none), 1 (one), or a share of one such as 0.5 is wanted: a stage computes on one GPU, and --devices "
            "lets several train a network together"
        )
    return gpus


def _nothing(asked: object) -> bool:
    return asked is None


@value
class Resources:
    """Processors and GPUs of one stage, where a cluster has to find room for it."""

    cpus: Count | None = None
    """Cores to reserve, and threads to compute with; by default as many as `--cores` says."""
    gpus: Annotated[Number, AfterValidator(_share)] | None = None
    """0 for none, 1 for one; 0.5 lets two stages share one, where the cluster can (Ray). By default one if `--device`
    is one. With a GPU a stage computes on it, and without one on its cores, whatever `--device` says."""


@value
class WithResources:
    """What lets a step or a measure say what it asks for; inherit from it."""

    resources: Annotated[Resources | None, Aside] = Field(default=None, exclude_if=_nothing)
    """What a cluster is asked for to do this: `{cpus: 4, gpus: 1}`. It changes where and how fast it is done, and no
    address."""
