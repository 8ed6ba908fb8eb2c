"""Turning convolutions into sparse matrices, so that single connections can be pruned."""

from typing import Literal

from torch import nn

from ..deploy import decouple
from ..pruning import Masks
from ..pruning.allocation import in_layers
from ..pruning.layers import filter_weights
from ..resources import WithResources
from ..values import value
from .stage import Form, GatesRole, Task, Work


@value
class Decouple(WithResources, Task):
    """Turn convolutions into sparse matrices, whose single connections a later prune removes; the logits stay."""

    kind: Literal["decouple"] = "decouple"
    layers: tuple[str, ...] = ()
    """Decouple these convolutions only, by name or pattern: [conv2, "features.*"]; by default all."""

    @property
    def form(self) -> Form:
        """The network is kept with its zeros, beside the convolutions that it was."""
        return "masked"

    @property
    def gates(self) -> GatesRole:
        """Gates must be folded before."""
        return "refuses"

    def check_network(self, model: nn.Module) -> None:
        """Raises PruningError where `layers` names no convolution."""
        in_layers(filter_weights(model), self.layers)

    def run(self, work: Work) -> None:
        """Unroll convolutions; what was pruned before stays pruned."""
        bundle = work.parent()
        model = decouple(bundle.model, work.example(), layers=self.layers)
        work.keep(model, None if bundle.masks is None else _of_connections(bundle.masks, model), bundle.about)


def _of_connections(masks: Masks, model: nn.Module) -> Masks:
    """Masks of a network that was decoupled since: the connections that a removed weight became are removed."""
    weights = {name: model.get_parameter(name).detach() for name in masks}
    unrolled = {name: weight != 0 for name, weight in weights.items() if weight.shape != masks[name].shape}
    return Masks({**masks, **unrolled})
