"""A constraint on the weights while they are trained, such as pruned weights that must stay zero."""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor, nn


class Constraint(Protocol):
    """What the trainer calls: `penalty` and then `after_step` in every step, and `after_epoch` after each epoch.

    A soft constraint gives a penalty; a hard one puts the weights back after the step.
    """

    def penalty(self, model: nn.Module) -> Tensor | None:
        """A differentiable scalar that is added to the objective, or None."""

    def after_step(self, model: nn.Module) -> None:
        """Change the weights, in place, to ones that the constraint allows."""

    def after_epoch(self, model: nn.Module, epoch: int) -> None:
        """Change the constraint itself, such as its strength, after epoch `epoch`, counted from 0."""

    def state_dict(self) -> Mapping[str, Tensor]:
        """The tensors that a checkpoint must keep."""

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from the state of a checkpoint."""
