"""The one protocol of this package: a criterion scores, allocation decides, masks remember."""

from typing import ClassVar, Literal, Protocol

from torch import Tensor, nn


class Criterion(Protocol):
    """`criterion(model, x, y)` returns parameter name -> scores, larger = keep.

    Scores have the weight's shape if `granularity` is "weights", and shape (out channels,) if it is
    "filters". A criterion leaves the model as it was; one that needs data says so when `x` is None.
    """

    granularity: ClassVar[Literal["weights", "filters"]]

    def __call__(self, model: nn.Module, x: Tensor | None = None, y: Tensor | None = None) -> dict[str, Tensor]: ...
