"""What a criterion is: it scores. Allocation decides how much goes and from where, and masks remember it."""

from typing import ClassVar, Literal, NamedTuple, Protocol

from torch import Tensor, nn

Granularity = Literal["weights", "filters"]


class Wanted(NamedTuple):
    """The images that a criterion wants of a recipe, with their labels, drawn by the seed."""

    images: int
    """How many."""
    source: Literal["train", "test"]
    """The part of the data that they are drawn from."""
    each_class: bool = False
    """Whether so many are wanted of every class; where a class has fewer, all of it."""


class Criterion(Protocol):
    """`criterion(model, x, y)` returns parameter name -> scores, larger = keep.

    Scores have the weight's shape if `granularity` is "weights", and shape (out channels,) if it is "filters". A
    criterion leaves the model as it was; one that needs images says so when `x` is None.

    Inherit from this protocol to take over the answers that most criteria give.
    """

    granularity: ClassVar[Granularity]

    @property
    def revision(self) -> int:
        """Raised when a correction changes its scores, so that older prunings are not taken for its own."""
        return 1

    @property
    def wants(self) -> Wanted | None:
        """The images that a recipe must hand over; None if two of them are enough, to run the network on."""
        return None

    def __call__(self, model: nn.Module, x: Tensor | None = None, y: Tensor | None = None) -> dict[str, Tensor]:
        """Score the network.

        Args:
            model: left as it was.
            x: images, float32 in [0, 1] or uint8, (n, channels, height, width).
            y: their labels, int64 (n,).
        """
        ...
