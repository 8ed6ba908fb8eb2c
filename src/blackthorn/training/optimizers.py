"""Optimisers as values; `build(parameters)` makes the torch optimiser. Weight decay is coupled L2 on every
parameter.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import nn

from ..values import NonNegative, Positive, Rate, value


@value
class SGD:
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"] = "sgd"
    lr: Positive
    """Learning rate at the start; the schedule multiplies it."""
    momentum: Rate = 0.9
    nesterov: bool = False
    weight_decay: NonNegative = 0.0

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The torch optimiser over `parameters`."""
        return torch.optim.SGD(
            parameters,
            self.lr,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
        )

    def __post_init__(self) -> None:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0, such as 0.9")


@value
class Adam:
    """Adam (Kingma and Ba 2015)."""

    kind: Literal["adam"] = "adam"
    lr: Positive = 1e-3
    """Learning rate at the start; the schedule multiplies it."""
    weight_decay: NonNegative = 0.0

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The torch optimiser over `parameters`."""
        return torch.optim.Adam(parameters, self.lr, weight_decay=self.weight_decay)


@value
class RMSprop:
    """RMSprop (Tieleman and Hinton 2012)."""

    kind: Literal["rmsprop"] = "rmsprop"
    lr: Positive = 1e-3
    """Learning rate at the start; the schedule multiplies it."""
    alpha: Rate = 0.99
    """Decay of the squared-gradient average: torch's default; TensorFlow 1's is 0.9."""
    weight_decay: NonNegative = 0.0

    def build(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The torch optimiser over `parameters`."""
        return torch.optim.RMSprop(parameters, self.lr, alpha=self.alpha, weight_decay=self.weight_decay)


AnyOptimizer = Annotated[SGD | Adam | RMSprop, Field(discriminator="kind")]
"""Every optimiser a recipe can name, told apart by `kind`."""
