"""What an objective returns: the number to minimise, and what it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Loss:
    """`total` carries gradients; `parts` are detached scalars for the progress line and the history.

    The part named `accuracy` is the share of clean images of the batch that were classified right; the trainer
    watches it.
    """

    total: Tensor
    """Averaged over the images of the batch."""
    parts: dict[str, Tensor] = field(default_factory=dict)
    once: Tensor | None = None
    """What is paid once for all training images and not for each, such as the divergence of a posterior from its
    prior: the trainer divides it by the number of training images and adds it to `total`."""
    own: Mapping[str, "Loss"] = field(default_factory=dict)
    """Losses of parameters that do not minimise `total`: the name of their `models.ParameterGroup` -> their loss.
    Every parameter receives the gradient of its own loss alone, all at the same weights and in the same step."""

    def mean(self, images: int) -> Tensor:
        """The loss for each of so many training images: `total`, and the share of what is paid once."""
        return self.total if self.once is None else self.total + self.once / images
