"""The training images as a robust network sees them, for other networks to train on as usual."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from ..attacks import AnyAttack, Precision, spelled
from ..data import ImageSet, Splits, pixels
from ..data.card import CARD
from ..data.parts import forget
from ..data.saving import write_data
from ..resources import WithResources
from ..results import RobustImagesRecord
from ..training import Inversion, robust_dataset
from ..training.robust_dataset import ATTACK
from ..values import Count, value
from .artifacts import damaged, load_records, save_examples, save_records
from .made_images import MadeImages, load_training_images
from .stage import Decider, Need, Stage, Task, Work

_SHOWN = 12  # pairs on the page; of each class one, before any has two
_LOOKED_AT = 1000  # images; enough to meet every class of most data sets


@value
class RobustImages(Inversion, WithResources, Task):
    """A robust data set: images of which only what a robust network sees is left, with the labels they had.

    The folder of the stage is a data set that `load_data` and `datasets` open, with a card. Its validation and test
    images are the ordinary ones.

    Reference: Ilyas et al. 2019, "Adversarial examples are not bugs, they are features", sec. 3.1.
    """

    kind: Literal["robust"] = "robust"
    of: str
    """The robust network whose features are inverted."""
    standard: str | None = None
    """A network trained as usual; where the robust one is not 10 points better under `attack`, that is warned of."""
    attack: AnyAttack = ATTACK
    """Under which the two are compared."""
    batch_size: Count = 250
    """Images inverted at a time."""
    precision: Precision = "auto"
    """Arithmetic of the steps; auto takes bf16 where it is measured to be faster."""

    @property
    def revision(self) -> int:
        """That of the attack under which the networks are compared."""
        return self.attack.revision

    def spelling(self) -> dict[str, Any]:
        """The options. What the networks are called decides nothing; what they are enters as parent and as input."""
        return {name: said for name, said in super().spelling().items() if name not in ("of", "standard")}

    def decided_by(self) -> frozenset[Decider]:
        """The seed gives the starts."""
        return frozenset({"seed", "images"})

    def needs(self) -> Sequence[Need]:
        """The network to compare with, if one is named."""
        return [] if self.standard is None else [Need("standard", None, on=self.standard)]

    def effort(self, splits: Splits) -> float:
        """Every image passes forward and backward in every step."""
        return 2.0 * len(splits.train) * self.steps

    def label(self) -> str:
        """What is made."""
        return f"robust images, {self.steps} steps"

    @property
    def recorded(self) -> bool:
        """How near the features came, and a few images."""
        return True

    def run(self, work: Work) -> None:
        """Invert part by part, and keep the whole as a data set."""
        made = robust_dataset(
            work.parent().model,
            work.splits,
            inversion=self,
            standard=next(iter(work.inputs("standard")), None),
            attack=self.attack,
            seed=work.stage.seed,
            batch_size=self.batch_size,
            precision=work.stage.arithmetic,
            name=f"'{self.of}', {work.stage.model.get('kind')}",
            checkpoint=work.folder,
            progress=work.progress,
        )
        write_data(made.splits, work.folder, about=made.about)
        save_examples(work.folder, self._examples(work, made.splits.train))
        quartiles = torch.tensor([0.25, 0.5, 0.75])
        low, median, high = torch.quantile(made.distance, quartiles).tolist()
        record = RobustImagesRecord(
            n=len(made.distance),
            network=self.of,
            compared=self.standard,
            attack=spelled(self.attack),
            robust=made.robust,
            standard=made.standard,
            steps=self.steps,
            before=float(made.before.median()),
            distance=median,
            low=low,
            high=high,
            classes=work.splits.train.classes,
            warnings=made.warnings,
            **work.provenance(),
        )
        save_records(work.folder, [record])
        forget(work.folder, len(made.distance), self.batch_size)

    def made(self, work: Work, stage: Stage) -> MadeImages:
        """The images with their labels."""
        folder, train = work.finished(stage), work.splits.train
        images = load_training_images(folder, train)
        if images.x.shape != train.x.shape or not torch.equal(images.y, train.y):
            raise damaged(folder / CARD, f"not the images of {work.splits.name}")
        return MadeImages(replace(images, classes=train.classes), load_records(folder)[0].warnings)

    def _examples(self, work: Work, robust: ImageSet) -> dict[str, Tensor]:
        """A few originals, where they started and what became of them, of as many classes as there are."""
        train = work.splits.train
        seen: dict[int, int] = {}
        repeats = []
        for label in train.y[:_LOOKED_AT].tolist():
            repeats.append(seen.get(label, 0))
            seen[label] = repeats[-1] + 1
        rows = sorted(range(len(repeats)), key=lambda row: (repeats[row], int(train.y[row])))[:_SHOWN]
        starts = torch.stack([self.start_of(train.x, row, seed=work.stage.seed) for row in rows])
        return {
            "original": pixels(train.x[rows], bounded=False),
            "start": starts,
            "robust": pixels(robust.x[rows]),
            "label": train.y[rows],
        }
