"""PARANA's criterion: a weight matters as much as what flows through it."""

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ...data import pixels
from ...errors import PruningError
from ...models import eval_mode
from ...values import Count, value
from ..layers import Convolution, Entries, padded, prunable_weights
from ..output import output_weights, without
from .criterion import Criterion, Granularity, Wanted

_BATCH = 250


@value
class ActivatedValue(Criterion):
    """Score weights by |w| times the mean size of what they multiply; rank them `per_layer`.

    In a linear layer weight (j, i) scores |w_ji| * mean |h_i| over the images, h being the layer's input. The article
    takes |mean of w_ji * h_i|, which is the same where inputs are not negative, as pixels and ReLU's outputs are; where
    they are (normalised images) its mean would cancel, and its code for sparse networks takes the mean of sizes too.
    The bias has no part in it. A weight that reads a pixel that is black in every image scores 0, and goes first.

    Convolutions are our extension, since the article takes them apart first: a shared weight scores |w| times the mean
    size of all that it meets, over images and positions; padded zeros count as 0.

    Reference: Gannon 2018, Pruning neural networks and adversarial noise, "Activated values".
    """

    granularity: ClassVar[Granularity] = "weights"
    kind: Literal["activated_value"] = "activated_value"
    images: Count = 2000
    """How many of the images given are averaged over: the first. A recipe hands over as many, drawn by the seed."""
    source: Literal["train", "test"] = "train"
    """Where a recipe takes them from. The article says test, without labels; its code took training images."""
    include_output: bool = True
    """False leaves the layer that makes the logits dense, as PARANA's package does."""

    @property
    def wants(self) -> Wanted:
        """As many images as it averages over."""
        return Wanted(self.images, self.source)

    @torch.no_grad()
    def __call__(self, model: nn.Module, x: Tensor | None = None, y: Tensor | None = None) -> dict[str, Tensor]:
        """Weight name -> scores of the weight's shape; larger is kept.

        Args:
            model: left as it was.
            x: images, float32 in [0, 1] or uint8, (n, channels, height, width).
            y: not used.
        Raises:
            PruningError: no images, or no layer that is called as a module.
        """
        if x is None or not len(x):
            raise PruningError("activated_value needs images to see what flows through the network; pass x=")
        weights = prunable_weights(model)
        if not self.include_output:
            weights = without(weights, output_weights(model, x))
        with eval_mode(model), _watched(model, weights) as flows:
            for batch in torch.split(x[: self.images], _BATCH):
                model(pixels(batch) if batch.dtype == torch.uint8 else batch)
        unseen = ", ".join(f"'{name.rpartition('.')[0]}'" for name in weights if not flows[name].count)
        if unseen and not any(flow.count for flow in flows.values()):
            raise PruningError(f"{unseen} never called as a module, so nothing is seen to flow through the network")
        if unseen:
            warnings.warn(f"left whole and out of the ranking: {unseen}, never called as a module", stacklevel=2)
        return {name: flow.scores(weights[name].detach()) for name, flow in flows.items() if flow.count}


class _Flow:
    """The sizes of what each entry of a weight is multiplied by, summed over images and positions."""

    def __init__(self) -> None:
        self.count = 0
        self._sum: Tensor | None = None
        self._groups = 1

    def see(self, layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        """A forward pre-hook: add up one batch."""
        sizes = given[0].detach().abs()
        if isinstance(layer, nn.Linear):
            rows = sizes.reshape(-1, sizes.shape[-1])
            count, met = len(rows), rows.sum(0, dtype=torch.float64)
        elif isinstance(layer, Entries):
            count, met = len(sizes), layer.reads(sizes.sum(0, dtype=torch.float64))
        else:
            assert isinstance(layer, (nn.Conv1d, nn.Conv2d, nn.Conv3d))
            maps = sizes if sizes.dim() == layer.weight.dim() else sizes[None]
            positions, met = _under_taps(maps.sum(0, dtype=torch.float64), layer)
            count, self._groups = len(maps) * positions, layer.groups
        self.count += count
        self._sum = met if self._sum is None else self._sum + met

    def scores(self, weight: Tensor) -> Tensor:
        """|w| * mean |input|, of the weight's shape and type."""
        assert self._sum is not None
        mean = self._sum / self.count
        if self._groups > 1:  # the filters of a group read that group's channels, each of them the same ones
            by_group = mean.view(self._groups, -1, *mean.shape[1:])
            mean = by_group.repeat_interleave(len(weight) // self._groups, 0)
        return (weight.abs().double() * mean).to(weight.dtype)


@contextmanager
def _watched(model: nn.Module, weights: Mapping[str, Tensor]) -> Iterator[dict[str, _Flow]]:
    """Within: every call of a layer that holds one of the weights is seen. A tied weight has one flow."""
    names = {id(weight): name for name, weight in weights.items()}
    flows = {name: _Flow() for name in weights}
    layers = [module for module in model.modules() if isinstance(module, (nn.Linear, Convolution, Entries))]
    hooks = [
        layer.register_forward_pre_hook(flows[names[id(layer.weight)]].see)
        for layer in layers
        if id(layer.weight) in names
    ]
    try:
        yield flows
    finally:
        for hook in hooks:
            hook.remove()


def _under_taps(maps: Tensor, layer: Convolution) -> tuple[int, Tensor]:
    """At how many positions the kernel stands on `maps` (channels, ...), and the sums of what its taps meet there,
    (channels, *kernel).
    """
    windows = padded(maps, layer)
    for axis, (size, stride, dilation) in enumerate(zip(layer.kernel_size, layer.stride, layer.dilation), start=1):
        windows = windows.unfold(axis, dilation * (size - 1) + 1, stride)[..., ::dilation]
    axes = tuple(range(1, maps.dim()))  # the windows are (channels, *positions, *kernel)
    return math.prod(windows.shape[axis] for axis in axes), windows.sum(axes)
