"""Keep pruned weights at exactly zero while training goes on."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import PruningError
from ..models.device import device_of
from .masks import Masks


class Hold:
    """A constraint: after every optimiser step, what `masks` removed is zero again.

    Exact under momentum, weight decay and adaptive step sizes, whose state keeps moving masked weights.
    Costs one pass over each pruned tensor and step; where whole rows go, over these rows only.
    """

    def __init__(self, masks: Masks) -> None:
        self.masks = masks
        self._plans: dict[str, _Plan] = {}
        self._planned_for: tuple[int, torch.device] | None = None

    def penalty(self, model: nn.Module) -> Tensor | None:
        """Nothing: the constraint is met exactly, and adds nothing to the loss."""
        return None

    @torch.no_grad()
    def after_step(self, model: nn.Module) -> None:
        """Zero the removed entries again.

        Raises:
            PruningError: the masks belong to another network.
        """
        parameters = dict(model.named_parameters())
        device = device_of(model)
        if (id(model), device) != self._planned_for:
            self.masks.check(model)
            pruned = {name: mask.to(device) for name, mask in self.masks.items() if not mask.all()}
            self._plans = {name: _plan(mask, parameters[name].dtype) for name, mask in pruned.items()}
            self._planned_for = id(model), device
        for name, plan in self._plans.items():
            if plan.rows is not None:
                parameters[name].index_fill_(0, plan.rows, 0.0)
            elif plan.bits is not None:
                parameters[name].view(plan.bits.dtype).bitwise_and_(plan.bits)

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
            raise PruningError(f"checkpoint holds other masks than this run ('{other}' is in one only); start anew")
        self.masks = Masks(state)
        self._planned_for = None


_INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes


@dataclass(frozen=True)
class _Plan:
    """How a parameter is zeroed: whole rows by number, or single entries by an "and" of their bits."""

    rows: Tensor | None = None
    bits: Tensor | None = None


def _plan(keep: Tensor, dtype: torch.dtype) -> _Plan:
    rows = keep.flatten(1) if keep.dim() > 1 else keep[:, None]
    some = rows.any(1)
    if torch.equal(some, rows.all(1)):
        return _Plan(rows=(~some).nonzero().flatten())
    # "and" with 0 gives 0.0 whatever the number was, nan too, at a quarter of the time of masked_fill_ (CPU)
    return _Plan(bits=torch.where(keep, -1, 0).to(_INTEGERS[dtype.itemsize]))
