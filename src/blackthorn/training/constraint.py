"""Where the weights must live while they are trained: the hooks that pruning needs, and no more."""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor, nn


class Constraint(Protocol):
    """Called by the trainer in this order: `penalty` in every step, `after_step`, and `after_epoch`."""

    def penalty(self, model: nn.Module) -> Tensor | None:
        """A differentiable scalar that is added to the objective, or None."""

    def after_step(self, model: nn.Module) -> None:
        """Put the weights back where they must live."""

    def after_epoch(self, model: nn.Module, epoch: int) -> None:
        """Move on, after epoch `epoch` (from 0)."""

    def state_dict(self) -> Mapping[str, Tensor]:
        """What a checkpoint must keep."""

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take up a checkpoint's state."""
