"""Making a universal noise for a network, from training images."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from ..attacks import AttackWarning, Precision, UniversalNoise
from ..data import Splits
from ..values import spell
from .artifacts import load_noise, save_noise
from .stage import Decider, Stage, Task, Work


@dataclass(frozen=True)
class NoiseMaking(Task):
    """Make a noise, once for all measures that add it to images."""

    noise: UniversalNoise

    @property
    def kind(self) -> str:
        """Names its folder; in recipes a noise stands in measures."""
        return "noise"

    @property
    def precision(self) -> Precision:
        """The arithmetic of the search."""
        return self.noise.precision

    @property
    def batch_size(self) -> int:
        """Images in a step of the search."""
        return self.noise.search.batch_size

    def spelling(self) -> Any:
        """How the noise is added to images decides nothing about the noise."""
        return spell(replace(self.noise, clip_eval=True))

    def decided_by(self) -> frozenset[Decider]:
        """The seed gives the order in which the images are seen."""
        return frozenset({"seed", "images"})

    def effort(self, splits: Splits) -> float:
        """Each image of each step passes forward and backward."""
        return 2.0 * self.noise.search.steps * self.noise.search.batch_size

    def label(self) -> str:
        """Its class and its limit."""
        return f"noise {self.noise.target}, {self.noise.limit:g}"

    def run(self, work: Work) -> None:
        """Search the noise, and keep it."""
        search = replace(self.noise, precision=work.stage.arithmetic)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AttackWarning)  # said again in the records of whatever adds the noise
            made = search(work.parent().model, work.splits.train.x, seed=work.stage.seed, progress=work.progress)
        save_noise(work.folder, made)

    def made(self, work: Work, stage: Stage) -> Tensor:
        """The noise, (channels, height, width)."""
        return load_noise(work.finished(stage)).to(work.device)
