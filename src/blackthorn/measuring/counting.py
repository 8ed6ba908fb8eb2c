"""What a network has, counted exactly: parameters, multiplications, bytes. Time is in `latency.py`."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..models import eval_mode
from ..pruning.packing import pack


def parameters(model: nn.Module) -> int:
    """Numbers that training may change, zeros included; a tensor used twice counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def nonzero(model: nn.Module) -> int:
    """Parameters that are not exactly zero."""
    return sum(int(torch.count_nonzero(parameter)) for parameter in model.parameters())


def macs(model: nn.Module, example: Tensor) -> int:
    """Multiply-accumulates for one image in convolutions and linear layers; zeros are multiplied too.

    Biases, activations, normalisation and pooling are not counted (papers and tools differ there by up to 1
    %).

    The first of the images of `example`, (batch, channels, height, width), is used.
    """
    with eval_mode(model), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(example[:1])
    return int(counter.get_total_flops()) // 2  # the counter gives a multiplication and an addition each its own


def bytes_on_disk(model: nn.Module) -> int:
    """Size of the network's weights in a bundle: a safetensors file in which what is mostly zeros has none.

    What a bundle says of itself, some thousand bytes, comes on top.
    """
    from safetensors.torch import save

    stored: dict[str, Tensor] = {}
    for name, tensor in _unshared(model.state_dict()).items():
        packed = pack(tensor)
        stored |= {name: tensor} if packed is None else {name: packed.values, f"{name}.{packed.how}": packed.places}
    return len(save(stored))


def _unshared(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share memory under two names, once; safetensors refuses them otherwise."""
    seen: dict[tuple[object, ...], str] = {}
    for name, tensor in state.items():
        where = tensor.data_ptr() if tensor.numel() else name
        seen.setdefault((where, tensor.shape, tensor.stride(), tensor.dtype), name)
    return {name: state[name].detach().cpu().contiguous().clone() for name in seen.values()}
