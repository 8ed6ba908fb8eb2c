"""The layers whose weights can be pruned, in the order the model lists them.

These are convolutions, linear layers, and layers that store single entries of a matrix.
"""

from typing import Any, Protocol, runtime_checkable

import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import PruningError

Convolution = nn.Conv1d | nn.Conv2d | nn.Conv3d
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


@runtime_checkable
class Entries(Protocol):
    """A layer of single connections, such as `deploy.SparseLayer`."""

    weight: nn.Parameter
    """(entries,)"""

    def reads(self, inputs: Tensor) -> Tensor:
        """What each entry reads of inputs in the shape of one image: (entries,)."""


def prunable_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """Name -> weight of every convolution, linear layer and layer of entries; a tied weight once. No biases, no
    norms.

    Raises:
        PruningError: there are none, or a layer's weight is computed on the fly.
    """
    found = _weights(model, (*_CONVOLUTIONS, nn.Linear, Entries))
    if not found:
        raise PruningError(f"{type(model).__name__} has no convolution or linear layer to prune")
    return found


def filter_weights(model: nn.Module) -> dict[str, nn.Parameter]:
    """Name -> weight of every convolution; row j of the first axis is filter j."""
    return _weights(model, _CONVOLUTIONS)


def output_weight(model: nn.Module) -> str:
    """The weight that makes the logits: by convention the last prunable one of the model."""
    return list(prunable_weights(model))[-1]


def magnitude_like(weight: Tensor, scores: Tensor) -> Tensor:
    """What ranks equal scores: |w| where scores are per weight, the l1 norm where they are per filter."""
    size = weight.detach().abs()
    return size if scores.shape == weight.shape else size.flatten(1).sum(1)


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


def _weights(model: nn.Module, kinds: tuple[type[Any], ...]) -> dict[str, nn.Parameter]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found: dict[str, nn.Parameter] = {}
    for module_name, module in model.named_modules():
        if isinstance(module, kinds):
            weight = module.weight
            if not isinstance(weight, nn.Parameter) or id(weight) not in names:
                raise PruningError(
                    f"weight of '{module_name}' is computed on the fly (parametrize, weight_norm or "
                    "torch.nn.utils.prune); make it a plain parameter first, as remove_parametrizations does"
                )
            found[names[id(weight)]] = weight
    return found
