"""How strongly a loss depends on each filter: norms of its gradient, by three readings of what it is a gradient of."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from ...errors import PruningError
from ...models import eval_mode
from ..layers import Convolution, rows_of
from .image_gradients import factors, summed_norms

Gradient = Literal["mean", "each_image", "output"]
_BATCH = 50


def filter_gradients(
    model: nn.Module,
    weights: Mapping[str, nn.Parameter],
    axes: Mapping[str, int],
    x: Tensor,
    y: Tensor,
    *,
    gradient: Gradient,
    order: int,
) -> dict[str, Tensor]:
    """Weight name -> norm of order `order` of the gradient of the cross-entropy, for each filter: (filters,).

    In eval mode, image by image independent. The network is left as it was. A weight that has no part in the loss, or,
    where calls of layers are watched, one that is used without calling its layer, is left out.

    Args:
        model: pixels in, logits out.
        weights: the weights of layers with filters, as `named_parameters` calls them.
        axes: the axis of filters, of each weight where that is not the first.
        x: images, float32, (n, ...).
        y: their labels, int64 (n,).
        gradient: `mean`: of the mean loss by the filter's weights. `each_image`: of each image's loss by them, norms
            summed over images. `output`: of the mean loss by all that the filter puts out, over images and positions.
        order: 1 or 2.
    Raises:
        PruningError: an image cannot be followed through a layer, because the layer sees several parts of it.
    """
    batches = list(zip(torch.split(x, _BATCH), torch.split(y, _BATCH)))
    with eval_mode(model), torch.enable_grad():
        if gradient == "mean":
            return _of_the_mean(model, weights, axes, batches, len(x), order)
        sums: dict[str, Tensor] = {}
        for images, labels in batches:
            for name, calls in _watched(model, weights, images, labels).items():
                if gradient == "each_image":
                    found = _by_image(name, calls, len(images), order)
                else:
                    found = sum(_power(_maps(call), order) for call in calls) / len(x) ** order
                sums[name] = sums[name] + found if name in sums else found
    return sums if gradient == "each_image" else {name: found ** (1 / order) for name, found in sums.items()}


class _Call(NamedTuple):
    """One call of a layer, on a batch of images."""

    layer: nn.Module
    given: Tensor
    made: Tensor
    climbs: Tensor
    """The gradient of the summed loss by what was made."""


def _of_the_mean(
    model: nn.Module,
    weights: Mapping[str, nn.Parameter],
    axes: Mapping[str, int],
    batches: list[tuple[Tensor, Tensor]],
    images: int,
    order: int,
) -> dict[str, Tensor]:
    leaves = _leaves(weights)
    total: dict[str, Tensor] = {}
    for x, y in batches:
        loss = F.cross_entropy(functional_call(model, leaves, (x,)), y, reduction="sum") / images
        for name, found in zip(leaves, torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)):
            if found is not None:
                total[name] = total[name] + found if name in total else found
    rows = {name: rows_of(found, axes.get(name, 0)) for name, found in total.items()}
    return {name: torch.linalg.vector_norm(row, order, dim=1) for name, row in rows.items()}


def _watched(model: nn.Module, weights: Mapping[str, nn.Parameter], x: Tensor, y: Tensor) -> dict[str, list[_Call]]:
    """Every call of a layer that holds one of the weights, with the gradient of the summed loss at its output."""
    with _seen(model, weights) as seen:
        loss = F.cross_entropy(functional_call(model, _leaves(weights), (x,)), y, reduction="sum")
    made = [call.made for calls in seen.values() for call in calls]
    climbs = iter(torch.autograd.grad(loss, made, allow_unused=True))
    found = {name: [call._replace(climbs=next(climbs)) for call in calls] for name, calls in seen.items()}
    in_the_loss = {name: [call for call in calls if call.climbs is not None] for name, calls in found.items()}
    return {name: calls for name, calls in in_the_loss.items() if calls}


@contextmanager
def _seen(model: nn.Module, weights: Mapping[str, nn.Parameter]) -> Iterator[dict[str, list[_Call]]]:
    """Within: every call is noted. What follows works on a copy of the output, since it may change it in place."""
    names = {id(weight): name for name, weight in weights.items()}
    seen: dict[str, list[_Call]] = {name: [] for name in weights}

    def see(name: str, layer: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> Tensor:
        seen[name].append(_Call(layer, given[0].detach(), made, made))
        return made.clone()

    hooks = [
        layer.register_forward_hook(partial(see, names[id(layer.weight)]))
        for layer in model.modules()
        if id(getattr(layer, "weight", None)) in names
    ]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _by_image(name: str, calls: list[_Call], images: int, order: int) -> Tensor:
    """Sum over images of the norm of each image's gradient by each filter's weights, over all calls: (filters,)."""
    called, pairs = name.rpartition(".")[0], []
    for layer, given, _, climbs in calls:
        if not isinstance(layer, (nn.Linear, Convolution)):
            kind = type(layer).__name__
            raise PruningError(f"'{called}' is a {kind}, where no image has its own gradient; write gradient: mean")
        if len(given) != images:
            raise PruningError(
                f"'{called}' sees {len(given)} inputs for {images} images, so that no image has a gradient of its own "
                "there; write gradient: mean"
            )
        pairs.append(factors(layer, given, climbs))
    all_climbs, all_patches = zip(*pairs)
    return summed_norms(torch.cat(all_climbs, 3), torch.cat(all_patches, 3), order)


def _maps(call: _Call) -> Tensor:
    """The gradient by the output, a row for each filter: (filters, images * positions)."""
    axis = -1 if isinstance(call.layer, nn.Linear) else 1
    return call.climbs.transpose(0, axis).flatten(1)


def _power(rows: Tensor, order: int) -> Tensor:
    return rows.abs().pow(order).sum(1)


def _leaves(weights: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """The weights as tensors to differentiate by, apart from the network's own, which are not touched."""
    return {name: weight.detach().requires_grad_() for name, weight in weights.items()}
