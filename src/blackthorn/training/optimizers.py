"""Optimisers as values; `build(parameters)` makes the torch optimiser.

Weight decay is coupled L2: a decay of w adds w/2 * ||p||^2 to the objective. `decay: weights` spares biases and the
scales and shifts of norms. A module can ask for other rates and decays for its own parameters: see
`blackthorn.models.ParameterGroup`.
"""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import nn

from ..models import ParameterGroup
from ..values import NonNegative, Positive, Rate, value

Decay = Literal["all", "weights"]
"""Which parameters decay: all, or those of two axes and more."""


@value
class SGD:
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"] = "sgd"
    bounded: ClassVar[bool] = False
    """Whether a step moves a parameter by at most its learning rate."""
    lr: Positive
    """Learning rate at the start; the schedule multiplies it."""
    momentum: Rate = 0.9
    nesterov: bool = False
    weight_decay: NonNegative = 0.0
    decay: Decay = "all"
    """What decays: all parameters, or weights only, without biases and norms."""

    def build(self, parameters: Iterable[nn.Parameter], groups: Iterable[ParameterGroup] = ()) -> torch.optim.Optimizer:
        """The torch optimiser over `parameters`, of which those in `groups` have options of their own."""
        parted = _parted(parameters, groups, self)
        return torch.optim.SGD(parted, self.lr, momentum=self.momentum, nesterov=self.nesterov)

    def __post_init__(self) -> None:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0, such as 0.9")


@value
class Adam:
    """Adam (Kingma and Ba 2015)."""

    kind: Literal["adam"] = "adam"
    bounded: ClassVar[bool] = True
    """Whether a step moves a parameter by at most its learning rate."""
    lr: Positive = 1e-3
    """Learning rate at the start; the schedule multiplies it."""
    weight_decay: NonNegative = 0.0
    decay: Decay = "all"
    """What decays: all parameters, or weights only, without biases and norms."""

    def build(self, parameters: Iterable[nn.Parameter], groups: Iterable[ParameterGroup] = ()) -> torch.optim.Optimizer:
        """The torch optimiser over `parameters`, of which those in `groups` have options of their own."""
        return torch.optim.Adam(_parted(parameters, groups, self), self.lr)


@value
class RMSprop:
    """RMSprop (Tieleman and Hinton 2012)."""

    kind: Literal["rmsprop"] = "rmsprop"
    bounded: ClassVar[bool] = False
    """Whether a step moves a parameter by at most its learning rate."""
    lr: Positive = 1e-3
    """Learning rate at the start; the schedule multiplies it."""
    alpha: Rate = 0.99
    """Decay of the squared-gradient average: torch's default; TensorFlow 1's is 0.9."""
    weight_decay: NonNegative = 0.0
    decay: Decay = "all"
    """What decays: all parameters, or weights only, without biases and norms."""

    def build(self, parameters: Iterable[nn.Parameter], groups: Iterable[ParameterGroup] = ()) -> torch.optim.Optimizer:
        """The torch optimiser over `parameters`, of which those in `groups` have options of their own."""
        return torch.optim.RMSprop(_parted(parameters, groups, self), self.lr, alpha=self.alpha)


AnyOptimizer = Annotated[SGD | Adam | RMSprop, Field(discriminator="kind")]
"""Every optimiser a recipe can name, told apart by `kind`."""


def _parted(
    parameters: Iterable[nn.Parameter], groups: Iterable[ParameterGroup], optimizer: SGD | Adam | RMSprop
) -> list[dict[str, Any]]:
    """Torch's own parameter groups: parameters of the same rate and decay are together, in the order they come in."""
    asked = {id(parameter): group for group in groups for parameter in group.parameters}
    no_wish = ParameterGroup(())
    parted: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in parameters:
        wish = asked.get(id(parameter), no_wish)
        lr = (optimizer.lr if wish.lr is None else wish.lr) * wish.factor
        decays = optimizer.decay == "all" or parameter.dim() > 1
        usual = optimizer.weight_decay if decays else 0.0
        weight_decay = usual if wish.weight_decay is None else wish.weight_decay
        parted.setdefault((lr, weight_decay), []).append(parameter)
    return [{"params": held, "lr": lr, "weight_decay": decay} for (lr, decay), held in parted.items()]
