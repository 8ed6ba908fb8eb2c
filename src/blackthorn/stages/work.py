"""One stage at work: what it was given, and what every stage needs to read and to keep."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..attacks import Precision
from ..data import Splits, pixels
from ..deploy import Bundle
from ..pruning import Criterion, Masks, sparsity
from ..types import Progress
from .artifacts import load_network, save_about, save_network
from .stage import Stage

Finished = Callable[[Stage], Path]
"""The folder of a stage that is done."""


@dataclass(frozen=True)
class Work:
    """A stage, and everything it works with."""

    stage: Stage
    folder: Path
    """Its own; what an interrupted attempt left may lie there."""
    splits: Splits
    finished: Finished
    device: torch.device
    progress: Progress
    made_with: Mapping[str, Any]
    """The program and the machine, as they go into everything that is stored."""

    def parent(self) -> Bundle:
        """The network that the stage works on, on the device."""
        assert self.stage.parent is not None  # only a first training has none, and it does not ask
        return self.bundle(self.stage.parent)

    def bundle(self, stage: Stage) -> Bundle:
        """The network that a finished stage left, on the device; its recipe has already decided whose code builds it.

        Raises:
            BundleError: it cannot be read; says which folder to delete.
        """
        kind = str(stage.model.get("kind"))
        bundle = load_network(self.finished(stage), factory=kind if ":" in kind else None)
        bundle.model.to(self.device)
        return bundle

    def inputs(self, role: str) -> list[Any]:
        """What the stages that stand in this role have made, in their order."""
        return [stage.value.made(self, stage) for stage in self.stage.inputs.get(role, ())]

    def precision(self, asked: Precision) -> Precision:
        """The arithmetic that was asked for, with `auto` resolved as the plan did."""
        return self.stage.precision if asked == "auto" else asked

    def example(self) -> Tensor:
        """Two images to run a network on."""
        return pixels(self.splits.test.x[:2], bounded=False).to(self.device)

    def images(self, criterion: Criterion) -> tuple[Tensor, Tensor | None]:
        """The images and labels that a criterion wants, drawn by the seed; or an example to run the network on."""
        asked = criterion.wants
        if asked is None:
            return self.example(), None
        images = self.splits.train if asked.source == "train" else self.splits.test
        generator = torch.Generator().manual_seed(self.stage.seed)
        drawn = images.subset(torch.randperm(len(images), generator=generator)[: asked.images]).to(self.device)
        return pixels(drawn.x, bounded=False), drawn.y

    def keep(self, model: torch.nn.Module, masks: Masks | None, about: Mapping[str, Any]) -> None:
        """Leave a network for other stages, with how much of it is zero.

        A network that was cut down no longer shows what was removed from it; then `about`, which came with the network
        before, is believed instead.
        """
        counted: dict[str, Any] = {f"sparsity_{what}": share for what, share in asdict(sparsity(model)).items()}
        if any(stage.value.form == "shrunk" for stage in self.stage.lineage()):
            counted |= {name: held for name, held in about.items() if name in counted}
        save_network(self.folder, model, masks, {**about, **counted}, self.splits.shape)

    def provenance(self) -> dict[str, Any]:
        """What, from what and where: part of everything that is stored."""
        return {
            "key": self.stage.name,
            "dataset": self.splits.name,
            "fingerprint": self.splits.fingerprint,
            "architecture": str(self.stage.model.get("kind")),
            "seed": self.stage.seed,
            **self.made_with,
        }


def perform(work: Work) -> None:
    """Do a stage's work in its folder, going on from what an interrupted attempt left there.

    Raises:
        BlackthornError: what the stage's own work refuses.
        OSError: the folder cannot be written.
    """
    start, stage = time.time(), work.stage
    stage.value.run(work)
    named = {role: [one.name for one in stages] for role, stages in stage.inputs.items()}
    save_about(
        work.folder,
        {
            "stage": stage.value.spelling(),
            "label": stage.label,
            "parent": stage.parent.key if stage.parent else None,
            **({"inputs": named} if named else {}),
            "model": stage.model,
            **({"precision": stage.precision} if stage.value.precision == "auto" else {}),
            **work.provenance(),
            "seconds": round(time.time() - start, 3),
        },
    )
