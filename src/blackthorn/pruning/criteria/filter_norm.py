"""The norm of a filter: the filters with the smallest weights are removed first."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ...values import value
from .criterion import Criterion, Granularity
from .filters import filter_rows


@value
class FilterNorm(Criterion):
    """Score each filter by the norm of its weights: the smallest matter least.

    Wang et al. rank the normalised l1 norm over the whole network (`scope="global"`, the defaults here);
    Li et al. and RFP's n-Norm rank within each layer (`scope="per_layer"`), where normalising changes
    nothing.

    Reference:
        Li et al. 2017, Pruning Filters for Efficient ConvNets, sec. 3.1; Wang et al. 2018, sec. 3.1.
    """

    granularity: ClassVar[Granularity] = "filters"
    kind: Literal["filter_norm"] = "filter_norm"
    norm: Literal["l1", "l2"] = "l1"
    normalize: bool = True
    """Divide by the number of weights in the filter, so that large filters do not always win."""
    include_linear: bool = False
    """Rank the units of hidden linear layers too (a row of the weight is one unit's filter)."""

    @torch.no_grad()
    def __call__(self, model: nn.Module, x: Tensor | None = None, y: Tensor | None = None) -> dict[str, Tensor]:
        """Weight name -> scores of shape (filters,); larger is kept.

        `x` shows which layer makes the logits, if linear layers are ranked; `y` is not used.
        """
        order = 1 if self.norm == "l1" else 2
        rows = filter_rows(model, x, linear=self.include_linear)
        norms = {name: torch.linalg.vector_norm(row, order, dim=1) for name, row in rows.items()}
        return {name: norm / rows[name].shape[1] if self.normalize else norm for name, norm in norms.items()}
