"""Random filters: a criterion for filters that does no better than this has measured nothing."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ...values import Whole, value
from .criterion import Criterion, Granularity
from .filters import filter_rows


@value
class RandomFilters(Criterion):
    """Score each filter at random: the control that a criterion has to beat.

    The scores depend on `seed` and on the shapes of the layers alone. Networks of several seeds may share them: which
    filter of a layer stands where is chance, since first weights are drawn.
    """

    granularity: ClassVar[Granularity] = "filters"
    kind: Literal["random_filters"] = "random_filters"
    seed: Whole = 0
    include_linear: bool = False
    """Rank the units of hidden linear layers too (a row of the weight is one unit's filter)."""

    def __call__(self, model: nn.Module, x: Tensor | None = None, y: Tensor | None = None) -> dict[str, Tensor]:
        """Weight name -> scores of shape (filters,), uniform in [0, 1).

        `x` shows which layer makes the logits, if linear layers are ranked; `y` is not used.
        """
        chance = torch.Generator().manual_seed(self.seed)
        rows = filter_rows(model, x, linear=self.include_linear)
        return {name: torch.rand(len(row), generator=chance).to(row.device) for name, row in rows.items()}
