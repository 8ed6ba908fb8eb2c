"""What a stage is: one piece of work with a folder of its own, and what the planner may ask of its task.

A new kind of stage is one file in this package: a task that inherits from `Task`, overrides what is different, and
does its work in `run`. Planning, running and collecting ask tasks by this protocol and know no kind by name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ..attacks import Precision
from ..data import Splits
from ..values import spell

if TYPE_CHECKING:
    from .work import Work

Chosen = Literal["float32", "bf16"]
Form = Literal["dense", "masked", "shrunk"]
Decider = Literal["seed", "images"]


@dataclass(frozen=True)
class Need:
    """Something that another stage must have made before a task can run."""

    role: str
    """What the task calls it: source, noises."""
    task: "Task | None"
    """What makes it; None where the network itself is wanted."""
    on: "str | Need | None" = None
    """Where the task works: on the last network of a row, on what another need makes, or, by default, on the network
    that the asking task itself works on."""
    many: bool = False
    """Whether there may be several in this role, in an order that matters."""


class Task(Protocol):
    """What a stage does, as the recipe writes it; inherit from it to take over the answers that most tasks give."""

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
        """Whether it trains a network: such a task can begin one, goes on from a checkpoint, and is worth a core."""
        return False

    @property
    def form(self) -> Form | None:
        """What a network that went through this is from then on; None where that stays what it was."""
        return None

    @property
    def requested(self) -> float | None:
        """The fraction of the network that it is to remove; None where it removes nothing."""
        return None

    @property
    def precision(self) -> Precision:
        """The arithmetic that is asked for; `auto` is resolved once for each architecture, when a run is planned."""
        return "float32"

    @property
    def batch_size(self) -> int:
        """Images at a time: at this number the two arithmetics are timed."""
        return 128

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

    def check(self, splits: Splits) -> None:
        """Refuse what cannot be done with these images, before anything is trained.

        Raises:
            BlackthornError: one line that says why and what to write.
        """
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
    """The arithmetic that `precision: auto` stands for."""

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
