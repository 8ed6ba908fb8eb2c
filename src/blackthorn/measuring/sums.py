"""A linear layer at many rates of pruning: what a few of its weights add to what the others gave before."""

import torch
from torch import Tensor, nn

from ..speed.compressed_rows import product

_FEW = 0.05  # of a layer's weights: their products alone take a third of the time of all, those of 15 % as long
_CHUNK = 64  # images whose inputs stay in the processor's cache


class Sums:
    """What a linear layer gives for all images: kept, and added to as its weights come back.

    From one rate to the next a few of them do, and their products alone take a fraction of the time of all
    (results/benchmarks/pruning_curve.json).
    """

    def __init__(self, layer: nn.Linear, given: Tensor) -> None:
        self.layer = layer
        self._given = given
        self._sums = given.new_zeros(len(given), layer.out_features)

    @property
    def outputs(self) -> Tensor:
        """(n, outputs)."""
        return self._sums if self.layer.bias is None else self._sums + self.layer.bias

    def add(self, places: Tensor, back: Tensor) -> None:
        """Weights that have come back: their places in the flattened layer, in rising order, and what they are."""
        outputs, inputs = shape = (self.layer.out_features, self.layer.in_features)
        if len(places) > _FEW * outputs * inputs:
            others = back.new_zeros(outputs * inputs)
            others[places] = back
            self._sums += self._given @ others.view(shape).t()
            return
        rows = torch.searchsorted(places, torch.arange(outputs + 1, device=places.device) * inputs)
        columns = places % inputs
        for at in range(0, len(self._given), _CHUNK):
            self._sums[at : at + _CHUNK] += product(rows, columns, back, shape, self._given[at : at + _CHUNK].t()).t()


def sums_of(layer: nn.Module, given: Tensor) -> Sums | None:
    """Of a layer whose products can be added up: a linear one that nobody watches.

    A GPU is asked for whole products, which it is made for.

    Args:
        layer: left as it was.
        given: what it is given, (n, inputs) for a linear one.
    """
    if type(layer) is not nn.Linear or given.ndim != 2 or given.device.type != "cpu":
        return None
    return None if layer._forward_hooks or layer._forward_pre_hooks else Sums(layer, given)
