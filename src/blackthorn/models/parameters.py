"""Learning rates and weight decays that a module asks for its own parameters.

When a network is trained, each of its modules that has a method `parameter_groups` is asked:

    class Gate(nn.Module):
        def parameter_groups(self) -> list[ParameterGroup]:
            return [ParameterGroup([self.a, self.b], lr=1e-2, weight_decay=0)]

The optimiser's own options hold for all other parameters.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import nn

from ..errors import ModelError


@dataclass(frozen=True, eq=False)
class ParameterGroup:
    """Parameters that learn at a rate of their own, or decay by a factor of their own."""

    parameters: Iterable[nn.Parameter]
    lr: float | None = None
    """Learning rate at the start, which the schedule multiplies; None takes the optimiser's."""
    factor: float = 1.0
    """Multiplies the learning rate."""
    weight_decay: float | None = None
    """None takes the optimiser's."""
    name: str = ""
    """An objective may give the parameters of all groups of one name a loss of their own (`objectives.Loss.own`)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(self.parameters))
        for name in ("lr", "factor", "weight_decay"):
            number = getattr(self, name)
            if number is not None and not (0 <= number < math.inf):
                raise ModelError(f"parameter group: {name} is {number}; write a number of at least 0")


@runtime_checkable
class HasParameterGroups(Protocol):
    """A module that says how some of its parameters are to be trained."""

    def parameter_groups(self) -> Iterable[ParameterGroup]:
        """Groups of the module's own parameters; a parameter is in one group at most."""


def parameter_groups(model: nn.Module) -> list[ParameterGroup]:
    """The groups that all modules of `model` ask for, in the order of `model.modules()`.

    Raises:
        ModelError: two groups name the same parameter, or a module names one that it does not hold.
    """
    found: list[ParameterGroup] = []
    named: set[int] = set()
    for path, module in model.named_modules():
        own = {id(parameter) for parameter in module.parameters()}
        if not isinstance(module, HasParameterGroups):
            continue
        where = f"{path or 'the network'} ({type(module).__name__}).parameter_groups()"
        for group in module.parameter_groups():
            if not isinstance(group, ParameterGroup):
                raise ModelError(f"{where} gives {type(group).__name__}; give a list of models.ParameterGroup")
            for parameter in group.parameters:
                if id(parameter) not in own:
                    raise ModelError(f"{where} names a parameter that the module does not hold")
                if id(parameter) in named:
                    raise ModelError(f"{where} names a parameter that is in another group already; name it once")
                named.add(id(parameter))
            found.append(group)
    return found
