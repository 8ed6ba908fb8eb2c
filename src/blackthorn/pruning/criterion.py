"""The one protocol of this package: a criterion scores, allocation decides, masks remember."""

from typing import ClassVar, Literal, NamedTuple, Protocol

from torch import Tensor, nn


class Criterion(Protocol):
    """`criterion(model, x, y)` returns parameter name -> scores, larger = keep.

    Scores have the weight's shape if `granularity` is "weights", and shape (out channels,) if it is
    "filters". A criterion leaves the model as it was; one that needs data says so when `x` is None.

    One that needs data also has an option `images`, how many, and may have `source`, "train" or "test": a recipe then
    hands it as many images with their labels, drawn by the seed.
    """

    granularity: ClassVar[Literal["weights", "filters"]]

    def __call__(self, model: nn.Module, x: Tensor | None = None, y: Tensor | None = None) -> dict[str, Tensor]: ...


class Wanted(NamedTuple):
    """The images that a criterion wants of a recipe."""

    images: int
    source: Literal["train", "test"]


def wanted(criterion: Criterion) -> Wanted | None:
    """What a criterion asks for by its options `images` and `source`; None if it needs no data."""
    images = getattr(criterion, "images", None)
    return None if images is None else Wanted(images, getattr(criterion, "source", "train"))
