"""The state of one training: what a checkpoint holds, and how a training goes on from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import BundleError
from ..speed.precision import Chosen, Precision
from ..speed.ranks import Ranks
from . import checkpoint as checkpoints
from .constraint import Constraint

Epoch = dict[str, float]
"""Means over one epoch: `loss`, `accuracy` and the objective's other parts, plus `lr` and, with early stopping,
`valid`.
"""


@dataclass
class Run:
    """Everything that changes while a network is trained, and the settings that must stay the same."""

    settings: Mapping[str, str]
    model: nn.Module
    optimizer: torch.optim.Optimizer
    constraints: Sequence[Constraint]
    precision: Chosen
    history: list[Epoch] = field(default_factory=list)
    best: dict[str, Tensor] | None = None
    """Weights of the best epoch; None until early stopping has measured one."""
    best_epoch: int = -1

    def keep_if_best(self, epoch: int, score: float) -> None:
        """Copy the weights if `score` is higher than that of every epoch before."""
        if score > max((past["valid"] for past in self.history), default=-1.0):
            self.best = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
            self.best_epoch = epoch

    def save(self, path: Path) -> None:
        """Write a checkpoint.

        Raises:
            StoreError: the file cannot be written.
        """
        state = {
            "settings": dict(self.settings),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "constraints": [dict(constraint.state_dict()) for constraint in self.constraints],
            "precision": self.precision,
            "history": self.history,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "generator": torch.get_rng_state(),
            "cuda_generators": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        checkpoints.save(path, state)

    def restore(self, path: Path, asked: Precision, ranks: Ranks) -> None:
        """Go on from a checkpoint, if it exists, with torch's generators as they were.

        Args:
            path: the checkpoint.
            ranks: the first reads the file for all.
            asked: the precision that the caller wants; `auto` takes that of the checkpoint.

        Raises:
            BundleError: the file is no checkpoint, or that of a run with other settings or another network.
        """
        state = ranks.same(lambda: checkpoints.load(path) if path.exists() else None)
        if state is None:
            return
        self._refuse_another_run(state, asked, path)
        try:
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError):  # torch lists every tensor that does not fit, on as many lines
            raise BundleError(f"{path}: a checkpoint of another network; delete it to train from the start") from None
        for constraint, held in zip(self.constraints, state["constraints"]):
            constraint.load_state_dict(held)
        self.precision, self.history = state["precision"], state["history"]
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        torch.set_rng_state(state["generator"])
        if state["cuda_generators"] and ranks.count == 1:
            torch.cuda.set_rng_state_all(state["cuda_generators"])

    def _refuse_another_run(self, state: dict[str, Any], asked: Precision, path: Path) -> None:
        """A run that went on from another one's checkpoint would end at weights that no single run gives."""
        chosen = state["precision"]
        now = {**self.settings, "precision": chosen if asked == "auto" else asked}
        then = {**state["settings"], "precision": chosen}
        now["constraints"], then["constraints"] = str(len(self.constraints)), str(len(state["constraints"]))
        for name, setting in now.items():
            if setting != then.get(name, ""):
                raise BundleError(
                    f"{path}: {name} is {setting or 'not set'} here and {then.get(name) or 'not set'} in the "
                    "checkpoint; delete it to train from the start, or set it back to go on"
                )
