"""What a measure is: it says what it needs, and turns a network and test images into records.

A recipe asks a measure everything it has to know through this protocol: what must be made before (noises, a source),
which images it wants, how long it takes, and whether it can be measured at all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from torch import Tensor, nn

from ..attacks import Precision, UniversalNoise
from ..data import Pixels, Splits
from ..pruning import AnyCriterion
from ..resources import Resources
from ..results import Record
from ..speed.ranks import ALONE, Ranks
from ..training import Substituted
from ..types import Progress
from .sources import AnySource


@dataclass(frozen=True)
class Subject:
    """What a measure looks at: a network and test images, and what the measure asked to have made before."""

    model: nn.Module
    """On its device; left as it was."""
    x: Pixels
    """Test images, uint8 or float32 in [0, 1], (n, channels, height, width); on disk where they do not fit into memory.
    """
    y: Tensor
    """Their true labels, int64 (n,)."""
    source: nn.Module | Substituted | None = None
    """What the measure's `source` names, trained already."""
    noises: Sequence[Tensor] = ()
    """What the measure's `noises` have made, in that order, each (channels, height, width)."""
    scored_on: tuple[Tensor, Tensor | None] | None = None
    """The images and labels that the criterion `scores_on` asked for."""
    forms: Callable[..., Mapping[str, nn.Module]] | None = None
    """Makes the network as it would be with nothing pruned (dense), with its zeros (masked), and cut down (shrunk); and
    in the further forms that it is called with: sparse, onnx, int8.
    """
    ranks: Ranks = ALONE
    """Who measures this together, where the measure is `shared`."""


@dataclass(frozen=True)
class Measurement:
    """What a measure found."""

    records: Sequence[Record]
    flags: Tensor | None = None
    """bool (n,): right or wrong for each image, where the measure is about images."""
    examples: Mapping[str, Tensor] | None = None
    """A few images for people to look at, by name; see `report.views.images`."""


@runtime_checkable
class Measure(Protocol):
    """A value that measures; inherit from it to take over the answers that most measures give."""

    kind: str
    """Names it in recipes and in its records."""
    timed: ClassVar[bool] = False
    """Whether it measures time, and so must run when nothing else does."""
    in_percent: ClassVar[bool | None] = None
    """Whether the one number that it gives is in percent, as accuracies are, or as it is; None where it gives several
    numbers. A paper's number can stand beside one number only."""

    @property
    def revision(self) -> int:
        """Raised when a correction changes its numbers, so that older ones are not taken for them."""
        return 1

    @property
    def source(self) -> AnySource | None:
        """What adversarial images or noises are made on; None for the measured network itself."""
        return None

    @property
    def noises(self) -> tuple[UniversalNoise, ...]:
        """The universal noises that must be made before."""
        return ()

    @property
    def scores_on(self) -> AnyCriterion | None:
        """The criterion that says which images it wants to score weights on; None if it looks at none."""
        return None

    @property
    def precision(self) -> Precision:
        """The arithmetic that it is asked to search in; `auto` is resolved by the plan of a run."""
        return "float32"

    @property
    def resources(self) -> Resources | None:
        """What a cluster is asked for; None for what the command says."""
        return None

    def effort(self, images: int) -> float:
        """Forward or backward passes of one image, roughly, for `images` test images; for the remaining time."""
        return float(images)

    def passes(self, model: nn.Module, example: Tensor) -> float:
        """By how much more or less an image takes than `effort` says, for what only a network can tell.

        Args:
            model: a network of the recipe as it begins; its weights mean nothing yet.
            example: one image, float32 (1, channels, height, width).
        """
        return 1.0

    def shared(self, splits: Splits) -> bool:
        """Whether several ranks measure together, each a part of the images; the others measure side by side."""
        return False

    def check(self, splits: Splits) -> None:
        """Refuse what cannot be measured on these images, before anything is trained.

        Raises:
            AttackError: a noise aims at a class that is not there.
            BlackthornError: whatever else a measure cannot do; one line that says why and what to write.
        """
        for noise in self.noises:
            noise.check_classes(splits.num_classes, splits.name)

    def check_network(self, model: nn.Module) -> None:
        """Refuse names of layers that the network does not have, before anything is trained.

        Args:
            model: a network of the recipe as it begins; its weights mean nothing yet.
        Raises:
            BlackthornError: one line that says which there are.
        """
        return None

    def measure(self, subject: Subject, *, progress: Progress | None = None) -> Measurement:
        """Measure, and keep records of it."""
        ...
