"""FPGM: the filters that the others of their layer can stand in for are removed first."""

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ...values import value
from .criterion import Criterion, Granularity
from .filters import filter_rows


@value
class FPGM(Criterion):
    """Score each filter by how far it is from the others of its layer; rank them `per_layer`.

    The filters nearest to the layer's geometric median, which have the smallest sum of distances to all others, are
    the most replaceable and go first. The public code's l1 never takes effect; here it is the city-block distance.

    RFP describes it otherwise: as removing the filters whose norm is farthest from the geometric mean of the layer's
    norms. `variant="rfp_text"` does that, to compare.

    Reference:
        He et al. 2019, Filter Pruning via Geometric Median, eq. 4 to 7; Lim et al. 2021 (RFP), sec. 2.2 and 4.1.
    """

    granularity: ClassVar[Granularity] = "filters"
    kind: Literal["fpgm"] = "fpgm"
    norm: Literal["l1", "l2"] = "l2"
    """Of the difference of two filters or, in RFP's reading, of a filter."""
    variant: Literal["official", "rfp_text"] = "official"
    """`official`: the smallest sum of distances goes. `rfp_text`: the farthest from the mean of norms goes."""
    include_linear: bool = False
    """Rank the units of hidden linear layers too (a row of the weight is one unit's filter)."""

    @torch.no_grad()
    def __call__(self, model: nn.Module, x: Tensor | None = None, y: Tensor | None = None) -> dict[str, Tensor]:
        """Weight name -> scores of shape (filters,); larger is kept.

        `x` shows which layer makes the logits, if linear layers are ranked; `y` is not used.
        """
        score = self._to_the_others if self.variant == "official" else self._to_the_mean
        order = 1 if self.norm == "l1" else 2
        rows = filter_rows(model, x, linear=self.include_linear)
        return {name: score(row, order) for name, row in rows.items()}

    @staticmethod
    def _to_the_others(rows: Tensor, order: int) -> Tensor:
        """Sums of distances. In float64, since l2 distances are made from products of matrices, which loses the small
        ones to rounding.
        """
        exact = rows.double()
        apart: Tensor = torch.cdist(exact, exact, p=order, compute_mode="use_mm_for_euclid_dist")
        return apart.sum(1).to(rows.dtype)

    @staticmethod
    def _to_the_mean(rows: Tensor, order: int) -> Tensor:
        """Distances of norms from their geometric mean; the farthest has the lowest score."""
        norms: Tensor = torch.linalg.vector_norm(rows, order, dim=1)
        away: Tensor = norms - norms.log().mean().exp()
        return -away.abs()
