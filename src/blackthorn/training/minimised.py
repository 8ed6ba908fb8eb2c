"""Which loss each parameter minimises: the objective's total, or one of its own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import TrainingError, did_you_mean
from ..models import ParameterGroup
from ..objectives import Loss


@dataclass(frozen=True)
class Share:
    """A loss, and the parameters that receive its gradient."""

    loss: Tensor
    parameters: Sequence[nn.Parameter] | None = None
    """None: all that it depends on."""


class Minimised:
    """The parameters of a network that learn, by the name of the group that they are in.

    Args:
        learning: those that are trained.
        groups: what modules of the network asked for.
        images: training images, among which what is paid once is shared out.
    """

    def __init__(self, learning: Iterable[nn.Parameter], groups: Iterable[ParameterGroup], images: int) -> None:
        self._images = images
        self.learning = list(learning)
        """The parameters that are trained."""
        self._named: dict[str, list[nn.Parameter]] = {}
        learns = set(map(id, self.learning))
        for group in groups:
            if group.name:
                held = self._named.setdefault(group.name, [])
                held += [parameter for parameter in group.parameters if id(parameter) in learns]

    def named(self, name: str) -> Sequence[nn.Parameter]:
        """The learning parameters of the groups of this name."""
        return self._named.get(name, ())

    def shares(self, loss: Loss, penalties: Iterable[Tensor] = ()) -> list[Share]:
        """Each loss with its parameters, the total last, to which penalties are added.

        Raises:
            TrainingError: a loss is for parameters that the network does not have.
        """
        found: list[Share] = []
        apart: set[int] = set()
        for name, own in loss.own.items():
            if name not in self._named:
                known = did_you_mean(name, self._named) if self._named else "no group has a name"
                raise TrainingError(f"the objective has a loss for parameters named '{name}'; of this network {known}")
            found.append(Share(own.mean(self._images), self._named[name]))
            apart.update(map(id, self._named[name]))
        total = loss.mean(self._images)
        for penalty in penalties:
            total = total + penalty
        others = [parameter for parameter in self.learning if id(parameter) not in apart]
        return [*found, Share(total, others if loss.own else None)]


def backward(shares: Sequence[Share], weight: float = 1.0) -> None:
    """Give every parameter the gradient of its own loss, times the weight; each loss goes back through the passes
    forward by itself.
    """
    wanted = [share for share in shares if share.parameters is None or len(share.parameters)]
    for number, share in enumerate(wanted, start=1):
        loss = share.loss if weight == 1 else share.loss * weight
        torch.autograd.backward(loss, inputs=share.parameters, retain_graph=number < len(wanted))
