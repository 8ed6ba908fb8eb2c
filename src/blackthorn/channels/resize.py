"""Give parameters and buffers other sizes, and tell their modules."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ..errors import PruningError, did_you_mean
from .partial_norm import cut_norm


def replace_(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put other tensors in the place of parameters and buffers, tied ones everywhere they are tied.

    Convolutions, linear layers and norms are told their new sizes. Parameters are new objects: make the
    optimiser after this.

    Raises:
        PruningError: the network has no such parameter or buffer; nothing was changed.
    """
    held: dict[str, Tensor] = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for name in tensors:
        if name not in held:
            raise PruningError(f"the network has no parameter or buffer '{name}'; {did_you_mean(name, held)}")
    new = {id(held[name]): tensor for name, tensor in tensors.items()}
    made: dict[int, nn.Parameter] = {}
    for module in model.modules():
        changed = False
        for name, old in list(module.named_parameters(recurse=False)):
            if id(old) in new:
                if id(old) not in made:
                    made[id(old)] = nn.Parameter(new[id(old)], requires_grad=old.requires_grad)
                setattr(module, name, made[id(old)])
                changed = True
        for name, buffer in list(module.named_buffers(recurse=False)):
            if id(buffer) in new:
                setattr(module, name, new[id(buffer)])
                changed = True
        if changed:
            _tell(module)


def resize_(model: nn.Module, shapes: Mapping[str, Sequence[int]]) -> None:
    """Make room for the tensors of a shrunk network: what has another shape is replaced by zeros of that
    shape.

    Raises:
        PruningError: a name is unknown, or a tensor would have to grow or change its number of axes.
    """
    held: dict[str, Tensor] = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    new = {}
    for name, shape in shapes.items():
        if name not in held:
            raise PruningError(f"the network has no parameter or buffer '{name}'; {did_you_mean(name, held)}")
        old = held[name]
        if tuple(old.shape) == tuple(shape):
            continue
        if old.dim() != len(shape) or any(size > limit for size, limit in zip(shape, old.shape)):
            raise PruningError(f"'{name}' of shape {tuple(old.shape)} cannot be shrunk to {tuple(shape)}")
        new[name] = torch.zeros(tuple(shape), dtype=old.dtype, device=old.device)
    replace_(model, new)


_NORMS = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
)


def _tell(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        if 1 < module.groups == module.in_channels == module.out_channels:  # depthwise: one group per channel
            module.groups = module.weight.shape[0]
        module.out_channels = module.weight.shape[0]
        module.in_channels = module.weight.shape[1] * module.groups
    elif isinstance(module, (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)):
        module.in_channels, module.out_channels = module.weight.shape[0], module.weight.shape[1] * module.groups
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, nn.PReLU):
        module.num_parameters = len(module.weight)
    elif isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1:
        if len(module.weight) < module.normalized_shape[0]:
            cut_norm(module)
    elif isinstance(module, _NORMS):
        per_channel = module.weight if module.weight is not None else module.running_mean
        if isinstance(per_channel, Tensor):
            module.num_features = per_channel.shape[0]
