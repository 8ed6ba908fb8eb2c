"""The layers whose weights can be pruned, in the order the model lists them.

These are convolutions, transposed ones too, linear layers, attention, recurrent layers, and layers that store single
entries of a matrix. Other parameters that are matrices, such as embeddings of positions, are counted and left whole.
"""

import warnings
from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import PruningError

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_SEVERAL = (nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase, nn.Bilinear)  # layers with several weights of their own


@runtime_checkable
class Entries(Protocol):
    """A layer of single connections, such as `deploy.SparseLayer`."""

    weight: nn.Parameter
    """(entries,)"""

    def reads(self, inputs: Tensor) -> Tensor:
        """What each entry reads of inputs in the shape of one image: (entries,)."""


def prunable_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """Name -> weight of every convolution, linear, attention and recurrent layer and layer of entries; a tied weight
    once. No biases, no norms.

    Raises:
        PruningError: there are none, or a layer's weight is computed on the fly.
    """
    found = _weights(model, (*_CONVOLUTIONS, *_TRANSPOSED, nn.Linear, Entries))
    if not found:
        raise PruningError(f"{type(model).__name__} has no convolution or linear layer to prune")
    return found


def counted_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """Every prunable weight, and every other parameter with two axes or more that are longer than 1."""
    return {**prunable_weights(model), **_left_out(model)}


def say_left_out(model: nn.Module, scored: Iterable[str]) -> None:
    """Warn of parameters that are matrices and that no criterion scores."""
    names = [f"'{name}'" for name in _left_out(model) if name not in set(scored)]
    if names:
        warnings.warn(f"left whole and out of the ranking: {', '.join(names)}, which no layer multiplies", stacklevel=4)


def filter_weights(model: nn.Module, *, linear: bool = False) -> dict[str, nn.Parameter]:
    """Name -> weight of every convolution, and of linear layers if asked for."""
    kinds = (*_CONVOLUTIONS, *_TRANSPOSED, *((nn.Linear,) if linear else ()))
    return _weights(model, kinds, several=False)


def filter_axes(model: nn.Module) -> dict[str, int]:
    """Name -> the axis of filters, of each weight where that is not the first: transposed convolutions have the
    second.
    """
    return dict.fromkeys(_weights(model, _TRANSPOSED, several=False), 1)


def rows_of(weight: Tensor, axis: int = 0) -> Tensor:
    """A weight with a row for each filter, which lie along `axis`."""
    return weight.detach().transpose(0, axis).flatten(1)


def magnitude_like(weight: Tensor, scores: Tensor, axis: int = 0) -> Tensor:
    """What ranks equal scores: |w| where scores are per weight, the l1 norm where they are per filter along `axis`."""
    size = weight.detach().abs()
    return size if scores.shape == weight.shape else rows_of(size, axis).sum(1)


def padded(maps: Tensor, layer: Convolution) -> Tensor:
    """Maps (channels, ...) as the layer pads them: `padding` may be numbers, "valid", or "same", whose odd one goes to
    the end.
    """
    sides: list[tuple[int, int]] = []
    for axis, (size, dilation) in enumerate(zip(layer.kernel_size, layer.dilation)):
        if isinstance(layer.padding, str):
            whole = dilation * (size - 1) if layer.padding == "same" else 0
            sides.append((whole // 2, whole - whole // 2))
        else:
            sides.append((int(layer.padding[axis]), int(layer.padding[axis])))
    flat = [amount for side in reversed(sides) for amount in side]  # torch counts from the last axis
    if not any(flat):
        return maps
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    return F.pad(maps[None], flat, mode=mode)[0]


def _weights(model: nn.Module, kinds: tuple[type[Any], ...], *, several: bool = True) -> dict[str, nn.Parameter]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found: dict[str, nn.Parameter] = {}
    for module_name, module in model.named_modules():
        if several and isinstance(module, _SEVERAL):
            own = [one for one in module.parameters(recurse=False) if one.dim() > 1]
            found.update({names[id(one)]: one for one in own if not _is_row(one)})
        if isinstance(module, kinds):
            weight = module.weight
            if isinstance(weight, nn.parameter.UninitializedParameter):
                raise PruningError(f"'{module_name}' is lazy and has no weight yet; run the network on images first")
            if not isinstance(weight, nn.Parameter) or id(weight) not in names:
                raise PruningError(
                    f"weight of '{module_name}' is computed on the fly (parametrize, weight_norm or "
                    "torch.nn.utils.prune); make it a plain parameter first, as remove_parametrizations does"
                )
            found[names[id(weight)]] = weight
    return found


def _left_out(model: nn.Module) -> dict[str, nn.Parameter]:
    prunable = prunable_weights(model)
    others = [(name, one) for name, one in model.named_parameters() if name not in prunable]
    return {name: one for name, one in others if one.dim() > 1 and not _is_row(one)}


def _is_row(parameter: Tensor) -> bool:
    """At most one axis is longer than 1: a scale for each channel, say."""
    return sum(size > 1 for size in parameter.shape) < 2
