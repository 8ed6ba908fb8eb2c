"""Keep pruned weights at exactly zero while training goes on."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..errors import PruningError
from .masks import Masks


class Hold:
    """A constraint: after every optimiser step, what `masks` removed is zero again.

    Exact under momentum, weight decay and adaptive step sizes, whose state keeps moving masked weights.
    Costs one in-place fill per pruned tensor and step; masks that remove whole rows fill only those rows.
    """

    def __init__(self, masks: Masks) -> None:
        self.masks = masks
        self._planned: dict[str, tuple[Tensor, bool]] = {}
        self._device: torch.device | None = None

    def penalty(self, model: nn.Module) -> Tensor | None:
        """No soft cost: the constraint is met exactly."""
        return None

    @torch.no_grad()
    def after_step(self, model: nn.Module) -> None:
        """Zero the removed entries again.

        Raises:
            PruningError: the masks belong to another network.
        """
        parameters = dict(model.named_parameters())
        device = next(iter(parameters.values())).device
        if device != self._device:
            self.masks.check(model)
            self._planned = {name: _plan(mask, device) for name, mask in self.masks.items() if not mask.all()}
            self._device = device
        for name, (removed, by_row) in self._planned.items():
            if by_row:
                parameters[name].index_fill_(0, removed, 0.0)
            else:
                parameters[name].masked_fill_(removed, 0.0)

    def after_epoch(self, model: nn.Module, epoch: int) -> None:
        """Nothing to do between epochs."""

    def state_dict(self) -> dict[str, Tensor]:
        """The masks, by parameter name."""
        return dict(self.masks)

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take the masks of a checkpoint.

        Raises:
            PruningError: the checkpoint masks other parameters.
        """
        if set(state) != set(self.masks):
            other = sorted(set(state) ^ set(self.masks))[0]
            raise PruningError(
                f"checkpoint holds other masks than this run ('{other}' is in one only); start anew"
            )
        self.masks = Masks(state)
        self._device = None


def _plan(keep: Tensor, device: torch.device) -> tuple[Tensor, bool]:
    """What to fill: the removed rows if only whole rows are removed, else every removed entry."""
    rows = keep.flatten(1) if keep.dim() > 1 else keep[:, None]
    some, every = rows.any(1), rows.all(1)
    if torch.equal(some, every):
        return (~some).nonzero().flatten().to(device), True
    return (~keep).to(device), False
