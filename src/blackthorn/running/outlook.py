"""What a plan would do before anything is done: what is there already, what would be trained, and about how long."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ..data import Splits, pixels
from ..models.outputs import logits_from
from ..recipes.planning import Plan
from ..stages import Stage
from .store import Store

_BATCH = 64  # images of a step that is timed
_STEPS = 3  # the fastest counts; the first one prepares
_PASSES = 3.0  # of an image in a step: forward, and backward twice as long


@dataclass(frozen=True)
class Outlook:
    """What is left of a plan."""

    stages: int
    """All that the plan has."""
    left: Sequence[Stage]
    """Those that are not done, in the order in which they would be."""
    seconds: float
    """About how long they take in one process, at the pace of a step of training that was timed just now. Early
    stopping, images that are fooled at once and other programs make it shorter or longer.
    """

    @property
    def done(self) -> int:
        """Stages that are there already."""
        return self.stages - len(self.left)

    @property
    def trainings(self) -> list[Stage]:
        """What would be trained."""
        return [stage for stage in self.left if stage.value.trains]


def outlook(made: Plan, splits: Splits, store: Store, device: torch.device) -> Outlook:
    """Look ahead; nothing is trained and nothing is written.

    Raises:
        ModelError: a network cannot be built.
    """
    left = [stage for stage in made.stages if not store.done(stage.kind, stage.key)]
    paces: dict[str, float] = {}
    seconds = 0.0
    for stage in left:
        first = [stage, *stage.ancestors()][-1]
        if first.key not in paces:
            paces[first.key] = _pace(first, splits, device)
        seconds += stage.effort * paces[first.key]
    return Outlook(len(made.stages), left, seconds)


def _pace(first: Stage, splits: Splits, device: torch.device) -> float:
    """Seconds of one pass of one image through the network that a stage begins with."""
    model = first.built(splits).to(device).train()
    images = splits.train if len(splits.train) else splits.test
    x, y = pixels(images.x[:_BATCH]).to(device), images.y[:_BATCH].to(device)
    shortest = float("inf")
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        for _ in range(_STEPS):
            start = time.perf_counter()
            F.cross_entropy(logits_from(model, x).float(), y).backward()  # type: ignore[no-untyped-call]
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            shortest = min(shortest, time.perf_counter() - start)
    return shortest / (_PASSES * len(x))
