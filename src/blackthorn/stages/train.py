"""Training a network, from fresh weights or from those of the step before."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from torch import nn

from ..attacks import Precision
from ..data import Crop, Flip, Splits
from ..deploy import Bundle
from ..errors import DataError
from ..objectives import AnyObjective, CrossEntropy
from ..pruning import ADMM, Hold
from ..resources import WithResources
from ..speed.ranks import ranks
from ..speed.whole_batch import batch_norms
from ..training import Adam, AnyOptimizer, AnySchedule, Constant, Constraint, EarlyStopping, fit
from ..values import Count, value, whole
from .artifacts import save_history
from .made_images import MadeImages
from .stage import Decider, GatesRole, Need, Task, Work

Augmentation = Annotated[Crop | Flip, Field(discriminator="kind")]

_CHECKPOINT = "checkpoint.pt"
_APART = 982_451_653  # a prime, so that no draw of one seed is the first of another that anyone writes


@value
class Train(WithResources, Task):
    """Train, or fine-tune; pruned weights stay zero."""

    kind: Literal["train"] = "train"
    epochs: Count
    images: str | None = None
    """Train on these images, which the recipe makes, instead of the training images."""
    objective: AnyObjective = CrossEntropy()
    optimizer: AnyOptimizer = Adam()
    schedule: AnySchedule = Constant()
    batch_size: Count = 128
    augment: tuple[Augmentation, ...] = ()
    """Applied in order, such as [{kind: crop, pad: 4}, {kind: flip}]."""
    draw: Annotated[int, Field(ge=0, lt=1000), BeforeValidator(whole)] = 0
    """Which of several independent trainings of the same kind this is: another number gives other first weights and
    another order of the images. A network that attacks are crafted on should be another draw.
    """
    constraint: ADMM | None = None
    """What the weights are drawn towards; pruned ones stay zero in any case."""
    early_stopping: EarlyStopping | None = None
    """Keep the weights of the epoch that did best on the validation images."""
    sync_batchnorm: bool = False
    """Where several devices train together, let batch norms see the whole batch, as one device alone does. By default
    each device normalises its part of a batch by itself, which is faster, and gives other numbers."""
    precision: Precision = "auto"
    """Arithmetic of forward and backward passes; auto takes bf16 where it is measured to be faster."""
    stop_at_chance: bool = True
    """Stop with a message when training accuracy stays at that of guessing, or when gates that the objective trains
    cannot close within the run, or have cut the network through."""

    @property
    def trains(self) -> bool:
        """It trains."""
        return True

    @property
    def gates(self) -> GatesRole | None:
        """Some objectives train gates."""
        return "needs" if getattr(self.objective, "gated", False) else None

    def spelling(self) -> dict[str, Any]:
        """The options. What the images are called decides nothing; what they are enters as an input."""
        return {name: said for name, said in super().spelling().items() if name != "images"}

    @property
    def revision(self) -> int:
        """The highest of what decides the weights: the objective, and what early stopping attacks with."""
        return max(self.objective.revision, 1 if self.early_stopping is None else self.early_stopping.revision)

    def decided_by(self) -> frozenset[Decider]:
        """The seed and the images decide what is learnt."""
        return frozenset({"seed", "images"})

    def needs(self) -> Sequence[Need]:
        """The images that the recipe makes, if it asks for some."""
        return [] if self.images is None else [Need("images", None, on=self.images)]

    def check(self, splits: Splits) -> None:
        """Raises DataError where there are no images for early stopping."""
        if self.early_stopping is not None and not len(splits.valid):
            raise DataError("early_stopping needs validation images; set data.valid=0.1, or leave it out")

    def check_network(self, model: nn.Module) -> None:
        """Raises PruningError where `layers` of the constraint names one that is not there."""
        if self.constraint is not None:
            self.constraint.names(model)

    def effort(self, splits: Splits) -> float:
        """Every training image is seen in every epoch."""
        return self.epochs * len(splits.train) * self.objective.passes

    def label(self) -> str:
        """How many epochs there are."""
        return f"train {self.epochs} epoch{'s' if self.epochs > 1 else ''}"

    def run(self, work: Work) -> None:
        """Train, going on from a checkpoint that is there, and keep the network."""
        seed = work.stage.seed + _APART * self.draw
        bundle = _fresh(work, seed % 2**32) if work.stage.parent is None else work.parent()
        trainings_before = sum(stage.value.trains for stage in work.stage.ancestors())
        images: MadeImages = next(iter(work.inputs("images")), MadeImages(work.splits.train))
        constraints: list[Constraint] = [] if bundle.masks is None else [Hold(bundle.masks)]
        if self.constraint is not None:
            constraints.append(self.constraint(bundle.model))
        history = fit(
            bundle.model,
            images.images,
            self.objective,
            epochs=self.epochs,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            schedule=self.schedule,
            augment=self.augment,
            constraints=constraints,
            valid=work.splits.valid,
            early_stopping=self.early_stopping,
            precision=work.stage.arithmetic,
            sync_batchnorm=self.sync_batchnorm,
            # Each training of a chain has a seed of its own, or fine-tuning would see the images in the order in which
            # the training before saw them.
            seed=seed * 1000 + trainings_before,
            stop_at_chance=self.stop_at_chance,
            checkpoint=work.folder / _CHECKPOINT,
            progress=work.progress,
            logger=work.logger,
        )
        save_history(work.folder, history)
        warnings = [*images.warnings, *self._doubts(bundle.model)]
        work.keep(bundle.model, bundle.masks, _warned(bundle.about, warnings))
        (work.folder / _CHECKPOINT).unlink(missing_ok=True)

    def _doubts(self, model: nn.Module) -> list[str]:
        count = ranks().count
        if count == 1 or self.sync_batchnorm or not batch_norms(model):
            return []
        return [f"trained on {count} devices with batch statistics of each; sync_batchnorm: true makes them one"]


def _warned(about: Mapping[str, Any], warnings: Sequence[str]) -> Mapping[str, Any]:
    """What is known of a network, with the warnings that came with the images it was trained on."""
    return {**about, "warnings": [*about.get("warnings", []), *warnings]} if warnings else about


def _fresh(work: Work, seed: int) -> Bundle:
    """A network with the weights that this seed gives."""
    return Bundle(work.stage.built(work.splits, seed=seed).to(work.device), None, {})
