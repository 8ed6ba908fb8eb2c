"""Attacks of other people: any `attack(model, x, y)`, made to answer as an attack of this package does."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..errors import AttackError
from ..models.modes import frozen
from ..models.own import Own
from ..types import Attack
from .ball import Norm
from .inputs import refuse_other_shape
from .problem import Problem
from .search import Search


@dataclass(frozen=True, kw_only=True)
class Foreign(Search):
    """A callable that sees to everything itself: its gradients, its restarts, its arithmetic."""

    call: Attack
    eps: float = 1.0
    """A linf radius of 1, unless the callable names its own: any image of [0, 1] will do."""
    norm: Norm = "linf"
    targeted: bool = False
    needs_gradients: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """That of the function, or of its class."""
        return called(self.call)

    def search(self, problem: Problem) -> Tensor:
        """Whatever it returns for the live images."""
        live, x_adv = problem.live, problem.x.clone()
        with torch.enable_grad(), frozen(problem.forward):
            found = self.call(problem.forward, problem.x[live], problem.y[live]).detach()
        refuse_other_shape(self.name, found, problem.x[live])
        x_adv[live] = found.to(x_adv)
        return x_adv


def as_search(attack: Attack) -> Search:
    """The attack itself, or a person's callable with what it says of itself in `eps`, `norm` and `targeted`.

    Raises:
        AttackError: it cannot be called, or names a norm that is not known or a radius that cannot be.
    """
    if isinstance(attack, Own):
        made: Search = attack.made
        return made
    if isinstance(attack, Search):
        return attack
    if not callable(attack):
        raise AttackError(f"{attack!r} is no attack; give one of blackthorn.attacks, or a function of model, x and y")
    said = {name: getattr(attack, name, None) for name in ("eps", "norm", "targeted")}
    try:
        return Foreign(call=attack, **{name: held for name, held in said.items() if held is not None})
    except AttackError as problem:
        raise AttackError(f"{called(attack)}: {problem}") from None


def called(attack: Attack) -> str:
    """The name of a function, or of the class of an object."""
    return str(getattr(attack, "__name__", type(attack).__name__))
