"""What each stage does, in a folder of its own: steps make networks and noises, measures keep records of them."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ..attacks import UniversalNoise
from ..data import Splits
from ..measuring import Accuracy, Cost, Detection, PruningCurve
from ..recipes.planning import Stage
from ..recipes.schema import Decouple, Prune, Shrink, Train
from ..running.store import write_text
from ..training import Substitute
from ..types import Progress
from ..values import spell
from .files import ABOUT
from .measures import measure_accuracy, measure_cost, measure_detection, measure_pruning_curve
from .steps import decouple_step, noise_step, prune_step, shrink_step, substitute_step, train_step
from .work import Finished, Work

_DOES: dict[type, Callable[[Work, Any], None]] = {
    Train: train_step,
    Prune: prune_step,
    Shrink: shrink_step,
    Decouple: decouple_step,
    Substitute: substitute_step,
    UniversalNoise: noise_step,
    Accuracy: measure_accuracy,
    PruningCurve: measure_pruning_curve,
    Detection: measure_detection,
    Cost: measure_cost,
}
"""The value of a stage, as the recipe writes it -> what to do."""


def perform(
    stage: Stage, folder: Path, splits: Splits, finished: Finished, device: torch.device, progress: Progress
) -> None:
    """Do a stage's work in `folder`, going on from what an interrupted attempt left there.

    Raises:
        BlackthornError: what the stage's own work refuses.
        OSError: the folder cannot be written.
    """
    start = time.time()
    work = Work(stage, folder, splits, finished, device, progress)
    _DOES[type(stage.value)](work, stage.value)
    about = {
        "stage": spell(stage.value),
        "label": stage.label,
        "parent": stage.parent.key if stage.parent else None,
        **({} if stage.source is None else {"source": f"{stage.source.kind}-{stage.source.key}"}),
        **({} if not stage.noises else {"noises": [f"{noise.kind}-{noise.key}" for noise in stage.noises]}),
        "model": stage.model,
        **work.provenance(time.time() - start),
    }
    write_text(folder / ABOUT, json.dumps(about, indent=1, default=str))
