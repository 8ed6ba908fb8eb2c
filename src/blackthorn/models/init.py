"""First weights, drawn from torch's global generator: `torch.manual_seed` repeats a network."""

import math
from typing import Literal

from torch import Tensor, nn

_LAYERS = (nn.Conv2d, nn.Linear)


def he_normal_(model: nn.Module, *, fan: Literal["fan_in", "fan_out"] = "fan_in") -> None:
    """Normal weights of variance 2/fan, zero biases, in every convolution and linear layer.

    Reference: He et al. 2015, Delving Deep into Rectifiers, eq. 10 (fan_in) and eq. 14 (fan_out).
    """
    for layer in model.modules():
        if isinstance(layer, _LAYERS):
            nn.init.kaiming_normal_(layer.weight, mode=fan, nonlinearity="relu")
            _fill_bias_(layer, 0.0)


def xavier_caffe_(model: nn.Module) -> None:
    """Uniform weights in +-sqrt(3/fan_in), zero biases: Caffe's `xavier` filler, which ignores fan_out."""
    for layer in model.modules():
        if isinstance(layer, _LAYERS):
            nn.init.kaiming_uniform_(layer.weight, mode="fan_in", nonlinearity="linear")
            _fill_bias_(layer, 0.0)


def parana_(model: nn.Module, *, last: nn.Module) -> None:
    """Normal weights cut at 2 sigma = 2 sqrt(3/(fan_in + fan_out)), 0.02 in the last layer; biases 0.1.

    Reference: the PARANA package's layers (github.com/jngannon/Parana-public).
    """
    for layer in model.modules():
        if isinstance(layer, _LAYERS):
            sigma = 0.01 if layer is last else math.sqrt(3 / _fans(layer.weight))
            nn.init.trunc_normal_(layer.weight, std=sigma, a=-2 * sigma, b=2 * sigma)
            _fill_bias_(layer, 0.1)


def _fans(weight: Tensor) -> int:
    """fan_in + fan_out of a convolution or a linear layer."""
    out, into, *kernel = weight.shape
    return (out + into) * math.prod(kernel)


def _fill_bias_(layer: nn.Conv2d | nn.Linear, filling: float) -> None:
    if layer.bias is not None:
        nn.init.constant_(layer.bias, filling)
