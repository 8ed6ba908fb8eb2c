"""Parameters seen through view, expand, slices and functions of single entries."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class View:
    """A tensor whose every entry is one entry of a parameter, or is made of one."""

    name: str
    """The parameter."""
    places: Tensor
    """Where each entry lies in the flattened parameter, int64, of the tensor's shape."""
    shape: torch.Size
    """Shape of the parameter."""

    def axis(self, axis: int) -> tuple[int, Tensor] | None:
        """The axis of the parameter that runs along this axis of the tensor, and where on the latter each of its
        indices lies; None if there is no such axis, or if it is there in part.
        """
        rows = self.places.movedim(axis, 0).unsqueeze(-1).flatten(1)
        if rows.numel() == 0:
            return None
        inner = 1
        for at in reversed(range(len(self.shape))):
            along = rows // inner % self.shape[at]
            inner *= self.shape[at]
            whole = len(rows) == self.shape[at] and bool((along == along[:, :1]).all())
            if whole and torch.equal(along[:, 0].sort().values, torch.arange(len(rows))):
                return at, along[:, 0].argsort()
        return None
