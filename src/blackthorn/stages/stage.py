"""What a stage is, what may be asked of its task, and what the task is given to work with.

A new kind of stage is one file in this package, whose task inherits from `Task`. Nobody else knows it by name.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from ..data import Splits, of_each_class, pixels
from ..deploy import Bundle
from ..models import build, copied, return_logits_
from ..pruning import Criterion, Masks, sparsity
from ..resources import Resources
from ..speed.precision import Chosen, Precision
from ..types import Logger, Progress
from ..values import spell
from .artifacts import load_network, save_network

Form = Literal["dense", "masked", "shrunk", "onnx", "int8"]
Decider = Literal["seed", "images"]
GatesRole = Literal["inserts", "needs", "removes", "refuses"]


@dataclass(frozen=True)
class Need:
    """Something that another stage must have made before a task can run."""

    role: str
    """What the task calls it: source, noises."""
    task: "Task | None"
    """What makes it; None where the network itself, or the images themselves, are wanted."""
    on: "str | Need | None" = None
    """Where the task works: on the network, or the images, that the recipe calls so; on what another need makes; or, by
    default, on the network that the asking task itself works on."""
    many: bool = False
    """Whether there may be several in this role, in an order that matters."""


class Task(Protocol):
    """What a stage does, as the recipe writes it; inherit from it for the answers that most tasks give."""

    @property
    def kind(self) -> str:
        """Names the task in recipes, and its folder in the store."""
        ...

    @property
    def revision(self) -> int:
        """Raised when a correction changes what the task makes, so that older work is not taken for it."""
        return 1

    @property
    def timed(self) -> bool:
        """Whether it measures time, and so must run when nothing else does."""
        return False

    @property
    def trains(self) -> bool:
        """Whether it trains a network: it can begin one, goes on from a checkpoint, and is worth a core."""
        return False

    @property
    def form(self) -> Form | None:
        """What a network that went through this is from then on; None where that stays what it was."""
        return None

    @property
    def gates(self) -> GatesRole | None:
        """What it does about gates in the network: it inserts them, needs them there, removes or refuses them."""
        return None

    @property
    def requested(self) -> float | None:
        """The fraction of the network that it is to remove; None where it removes nothing."""
        return None

    @property
    def images(self) -> str | None:
        """The name of the images, made by the recipe, that it works on; None for those of the data set."""
        return None

    @property
    def recorded(self) -> bool:
        """Whether it leaves a record about the images that it makes, for the page."""
        return False

    @property
    def precision(self) -> Precision:
        """The arithmetic that is asked for; `auto` is resolved once for each architecture, when a run is planned."""
        return "float32"

    @property
    def batch_size(self) -> int:
        """Images at a time: at this number the two arithmetics are timed."""
        return 128

    @property
    def resources(self) -> Resources | None:
        """What a cluster is asked for; None for what the command says."""
        return None

    @property
    def module(self) -> nn.Module | None:
        """The network that it begins with, where a person's program holds it; None where a function builds it."""
        return None

    @property
    def architecture(self) -> Mapping[str, Any] | None:
        """The architecture of the network that it makes; None for that of the network it works on."""
        return None

    def spelling(self) -> Any:
        """Everything about the task itself that decides the outcome; part of the address."""
        return spell(self)

    def decided_by(self) -> frozenset[Decider]:
        """What else decides the outcome, besides the network that it works on and what it needs."""
        return frozenset()

    def needs(self) -> Sequence[Need]:
        """What must be made before, besides the network that it works on."""
        return ()

    def shared(self, splits: Splits) -> bool:
        """Whether several ranks do it together, each a part; the others do it side by side."""
        return self.trains

    def check(self, splits: Splits) -> None:
        """Raises BlackthornError, before anything is trained, for what cannot be done with these images."""
        return None

    def check_network(self, model: nn.Module) -> None:
        """Raises BlackthornError for names of layers that the network, given as it begins, does not have."""
        return None

    def effort(self, splits: Splits) -> float:
        """Forward or backward passes of one image, roughly; for the remaining time."""
        return 0.0

    def label(self) -> str:
        """What people read: "train 10 epochs", "prune 0.98"."""
        return self.kind

    def run(self, work: "Work") -> None:
        """Do the work and leave files in `work.folder`.

        Raises:
            BlackthornError: the network or the images are refused; the stage is left out with all that needs it.
            OSError: the folder cannot be written.
        """
        ...

    def made(self, work: "Work", stage: "Stage") -> Any:
        """What the finished `stage`, whose task this is, has made, for `work` that needs it: by default a network."""
        return work.bundle(stage).model


@dataclass(frozen=True)
class Stage:
    """A task in its place: on which network, for which seed, at which address."""

    kind: str
    key: str
    value: Task
    seed: int
    model: Mapping[str, Any]
    """The architecture of the network that it makes or works on."""
    parent: "Stage | None"
    """The stage that left the network which it works on; None for a network that begins here."""
    label: str
    """For people: seed, network, what."""
    effort: float
    """Forward or backward passes of one image, roughly; for the remaining time."""
    inputs: Mapping[str, tuple["Stage", ...]] = field(default_factory=dict)
    """What else it needs, by role: {"source": (stage,), "noises": (stage, stage)}."""
    precision: Chosen = "float32"
    """What `precision: auto` stands for."""

    @property
    def arithmetic(self) -> Chosen:
        """What its task computes in: what it asks for, with `auto` resolved as the plan did."""
        return self.precision if self.value.precision == "auto" else self.value.precision

    def built(self, splits: Splits, *, seed: int = 0) -> nn.Module:
        """The network as it was before anything was done to it, or ModelError; first weights are drawn by the seed."""
        if self.module is not None:
            made = copied(self.module).cpu()
            return_logits_(made, num_classes=splits.num_classes, shape=splits.shape)
            return made
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return build(self.model, num_classes=splits.num_classes, shape=splits.shape)

    @property
    def module(self) -> nn.Module | None:
        """What a person's program holds, if the network began so."""
        return [*self.lineage()][-1].value.module

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.kind}-{self.key}"

    @property
    def timed(self) -> bool:
        """Whether it must run when nothing else does."""
        return self.value.timed

    @property
    def needs(self) -> tuple["Stage", ...]:
        """What must be finished before."""
        others = (stage for role in self.inputs.values() for stage in role)
        return (*others,) if self.parent is None else (self.parent, *others)

    def ancestors(self) -> Iterator["Stage"]:
        """The stages that its network went through before, the nearest first."""
        stage = self.parent
        while stage is not None:
            yield stage
            stage = stage.parent

    def lineage(self) -> Iterator["Stage"]:
        """The stage itself, then its ancestors."""
        yield self
        yield from self.ancestors()


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
    logger: Logger | None = None

    def parent(self) -> Bundle:
        """The network that the stage works on, on the device."""
        assert self.stage.parent is not None  # only a first training has none, and it does not ask
        return self.bundle(self.stage.parent)

    def bundle(self, stage: Stage) -> Bundle:
        """The network that a finished stage left, on the device; BundleError says which folder to delete."""
        kind = str(stage.model.get("kind"))
        into = None if stage.module is None else stage.built(self.splits)
        bundle = load_network(self.finished(stage), factory=kind if ":" in kind else None, into=into)
        bundle.model.to(self.device)
        return bundle

    def inputs(self, role: str) -> list[Any]:
        """What the stages that stand in this role have made, in their order."""
        return [stage.value.made(self, stage) for stage in self.stage.inputs.get(role, ())]

    def example(self) -> Tensor:
        """Two images to run a network on."""
        return pixels(self.splits.test.x[:2], bounded=False).to(self.device)

    def images(self, criterion: Criterion) -> tuple[Tensor, Tensor | None]:
        """The images and labels that a criterion wants, drawn by the seed; or an example to run the network on."""
        asked = criterion.wants
        if asked is None:
            return self.example(), None
        images = self.splits.train if asked.source == "train" else self.splits.test
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(self.stage.seed))
        few = of_each_class(images.y[order], asked.images) if asked.each_class else slice(asked.images)
        drawn = images.subset(order[few]).to(self.device)
        return pixels(drawn.x, bounded=False), drawn.y

    def keep(self, model: nn.Module, masks: Masks | None, about: Mapping[str, Any]) -> None:
        """Leave a network for other stages, with how much of it is zero; of one cut down, `about` still knows."""
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
