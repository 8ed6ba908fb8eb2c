"""What a plan would do before anything is done: what is there already, what would be trained, and about how long.

Seconds come from the stages of the plan that are done, where they took long enough to tell a pace, and otherwise from a
training step of each network in its arithmetic, timed here and now. Effort counts passes of an image alike, forward or
backward.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from ..data import Splits, pixels
from ..models.outputs import logits_from
from ..recipes.planning import Plan
from ..speed.precision import Chosen, arithmetic
from ..stages import Stage
from ..stages.artifacts import ABOUT, load_about
from .pace import clock
from .store import Store

_TELLING = 2.0  # seconds of finished work from which a pace is told
_BATCH = 64  # images of a step that is timed
_STEPS = 3  # the fastest counts; the first one prepares
_PASSES = 3.0  # of an image in a step: forward, and backward twice as long


@dataclass(frozen=True)
class Outlook:
    """What is done of a plan, what is left, and how long that would take in one process.

    Early stopping, images that are fooled at once and other programs make it shorter or longer.
    """

    all: Sequence[Stage]
    """What the plan has."""
    left: Sequence[Stage]
    """Those that are not done, in the order in which they would be."""
    each: Mapping[str, float]
    """About how many seconds each of these takes, by its key."""
    device: str

    @property
    def stages(self) -> int:
        """How many there are in all."""
        return len(self.all)

    @property
    def done(self) -> int:
        """How many are there already."""
        return len(self.all) - len(self.left)

    @property
    def trainings(self) -> list[Stage]:
        """What would be trained."""
        return [stage for stage in self.left if stage.value.trains]

    @property
    def seconds(self) -> float:
        """About how long all that is left takes."""
        return sum(self.each.values())

    def told(self) -> str:
        """For people: the trainings one by one, the rest in numbers."""
        lines = [f"{self.stages} stages, {self.done} of them done already; nothing was run"]
        width = max((len(stage.label) for stage in self.trainings), default=0)
        for stage in self.trainings:
            lines.append(f"would be trained: {stage.label:<{width}}  about {clock(self.each[stage.key])}")
        others = [stage for stage in self.left if not stage.value.trains]
        if others:
            counted = ", ".join(f"{count} {kind}" for kind, count in Counter(stage.kind for stage in others).items())
            lines.append(f"and {counted}: about {clock(sum(self.each[stage.key] for stage in others))}")
        if self.left:
            lines.append(f"about {clock(self.seconds)} in all, in one process on {self.device}")
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """For programs: every stage, whether it is done, and about how many seconds it would take."""
        return {
            "device": self.device,
            "seconds": round(self.seconds, 1),
            "stages": [
                {"kind": stage.kind, "key": stage.key, "label": stage.label, "done": stage.key not in self.each}
                | ({"seconds": round(self.each[stage.key], 2)} if stage.key in self.each else {})
                for stage in self.all
            ],
        }


def outlook(made: Plan, splits: Splits, store: Store, device: torch.device) -> Outlook:
    """Look ahead; nothing is trained and nothing is written.

    Raises:
        StoreError: what is in the store cannot be read.
        ModelError: a network cannot be built.
    """
    done = store.names()
    left = [stage for stage in made.stages if stage.name not in done]
    pace = _told_by_what_is_done(made, store)
    for stage in left:
        if (passes := _passes(stage)) not in pace:
            pace[passes] = _timed([stage, *stage.ancestors()][-1], passes[1], splits, device)
    return Outlook(made.stages, left, {stage.key: pace[_passes(stage)] * stage.effort for stage in left}, str(device))


def _told_by_what_is_done(made: Plan, store: Store) -> dict[tuple[str, Chosen], float]:
    """Seconds for one pass of one image, by what decides them."""
    spent: dict[tuple[str, Chosen], tuple[float, float]] = {}
    folders = store.folders((stage.name for stage in made.stages if not stage.timed), ABOUT)
    for stage in made.stages:
        if (folder := folders.get(stage.name)) is not None:
            effort, seconds = spent.get(_passes(stage), (0.0, 0.0))
            spent[_passes(stage)] = (effort + stage.effort, seconds + load_about(folder)["seconds"])
    return {passes: seconds / effort for passes, (effort, seconds) in spent.items() if seconds >= _TELLING and effort}


def _passes(stage: Stage) -> tuple[str, Chosen]:
    """What decides how long a pass takes: the architecture, and the arithmetic, in which bf16 can be much faster."""
    return repr(sorted(stage.model.items(), key=str)), stage.arithmetic


def _timed(first: Stage, precision: Chosen, splits: Splits, device: torch.device) -> float:
    """Seconds for one pass of one image through the network that a stage begins with."""
    model = first.built(splits).to(device).train()
    images = splits.train if len(splits.train) else splits.test
    x, y = pixels(images.x[:_BATCH], bounded=False).to(device), images.y[:_BATCH].to(device)
    shortest = float("inf")
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        for _ in range(_STEPS):
            start = time.perf_counter()
            with arithmetic(precision, device):
                loss = F.cross_entropy(logits_from(model, x).float(), y)
            loss.backward()  # type: ignore[no-untyped-call]
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            shortest = min(shortest, time.perf_counter() - start)
    return shortest / (_PASSES * len(x))
