"""What an objective returns: the number to minimise, and what it is made of."""

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Loss:
    """`total` carries gradients; `parts` are detached scalars for the progress line and the history.

    The part named `accuracy` is the share of clean images of the batch that were classified right; the trainer
    watches it.
    """

    total: Tensor
    parts: dict[str, Tensor] = field(default_factory=dict)
