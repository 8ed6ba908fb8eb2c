"""One stage at work: what it was given, and what every stage needs to read and to keep."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..data import Splits, pixels
from ..deploy import Bundle, load, save
from ..errors import BundleError
from ..pruning import Criterion, Masks, sparsity
from ..recipes.planning import Stage
from ..running.provenance import made_with
from ..running.store import damaged
from ..types import Progress
from .files import NETWORK, NOISE

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

    def parent(self) -> Bundle:
        """The network that the stage works on, on the device."""
        assert self.stage.parent is not None  # only a first training has none, and it does not ask
        return self.network(self.stage.parent)

    def network(self, stage: Stage) -> Bundle:
        """The network that a finished stage left, on the device; its recipe has already decided whose code builds it.

        Raises:
            BundleError: it cannot be read; says which folder to delete.
        """
        kind, folder = str(stage_model(stage).get("kind")), self.finished(stage)
        try:
            bundle = load(folder / NETWORK, factory=kind if ":" in kind else None)
        except BundleError as problem:
            raise BundleError(f"{problem}; delete the folder {folder} and run again") from None
        bundle.model.to(self.device)
        return bundle

    def noises(self) -> list[Tensor]:
        """The noises that a measure asked for by its `noises`, in that order, each (channels, height, width)."""
        return [_read_noise(self.finished(noise) / NOISE).to(self.device) for noise in self.stage.noises]

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

    def keep(
        self, model: nn.Module, masks: Masks | None, about: dict[str, Any], removed: dict[str, Any] | None = None
    ) -> None:
        """Leave a network for other stages; `removed` counts what the network itself no longer shows is gone."""
        counted = {f"sparsity_{what}": share for what, share in asdict(sparsity(model)).items()}
        kept = {name: held for name, held in (removed or {}).items() if name in counted}
        shape = self.splits.shape
        save(self.folder / NETWORK, model, masks=masks, about={**about, **counted, **kept}, example_shape=shape)

    def provenance(self, seconds: float = 0.0) -> dict[str, Any]:
        """What, from what and where: part of everything that is stored."""
        return {
            "key": f"{self.stage.kind}-{self.stage.key}",
            "dataset": self.splits.name,
            "fingerprint": self.splits.fingerprint,
            "architecture": str(stage_model(self.stage).get("kind")),
            "seed": self.stage.seed,
            **made_with(self.device),
            "seconds": round(seconds, 3),
        }


def stage_model(stage: Stage) -> dict[str, Any]:
    """The architecture that a chain of stages began with; a substitute begins one of its own."""
    while stage.parent is not None and stage.kind != "substitute":
        stage = stage.parent
    return stage.model


def trainings_before(stage: Stage) -> int:
    """How many trainings a stage builds on."""
    parents = []
    while stage.parent is not None:
        stage = stage.parent
        parents.append(stage.kind)
    return parents.count("train")


def after(kind: str, stage: Stage | None) -> bool:
    """Whether a stage is of a kind, or builds on one that is."""
    while stage is not None and stage.kind != kind:
        stage = stage.parent
    return stage is not None


def _read_noise(path: Path) -> Tensor:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)["noise"]
    except (OSError, SafetensorError, KeyError) as problem:
        raise damaged(path, str(problem)) from None
