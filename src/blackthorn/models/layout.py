"""Images between convolutions with the channels of a pixel side by side, as CPUs work on them fastest.

A convolution whose weight lies in this order hands it on, so the weights alone decide for the whole network. There max
pooling is 4 to 12 times faster and convolutions up to twice, which makes a step of adversarial training 1.05 to 1.4
times faster (benchmarks/layout.py). Only rounding differs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..speed.convolutions import takes_phases
from .modes import eval_mode
from .outputs import logits_from

_SEEN = 2  # images that a network is tried on
_CLOSE = 1e-3  # relative; two orders of summation differ by far less, and pixels in another order by far more

_known: WeakKeyDictionary[nn.Module, tuple[list[type[nn.Module]], bool]] = WeakKeyDictionary()
"""Of what layers a network was when it was tried, and whether it could bear it."""


@contextmanager
def channels_last(model: nn.Module, x: Tensor) -> Iterator[None]:
    """Keep the weights of the model's convolutions in this order; afterwards in the one that they were in.

    Left alone are networks on other devices, compiled ones, those with a convolution that strides over pixels (see
    `_strides_over`) or works on phases in the arithmetic in which this is entered, and those that cannot bear it
    (`x.view(...)` after a convolution) or answer at random (numbers are drawn in the order of memory).

    Args:
        model: any network.
        x: images that it takes (batch, channels, height, width); the first of them are tried.
    """
    weights = _weights(model)
    if not weights or not _bears(model, weights, x):
        yield
        return
    with _in_order(weights):
        yield


@contextmanager
def _in_order(weights: list[nn.Parameter]) -> Iterator[None]:
    before = [weight.data for weight in weights]
    for weight in weights:
        weight.data = weight.data.clone(memory_format=torch.channels_last)
    try:
        yield
    finally:
        for weight, data in zip(weights, before):
            weight.data = data.copy_(weight.data)


def _weights(model: nn.Module) -> list[nn.Parameter]:
    """Of the convolutions that are not in this order yet."""
    modules = list(model.modules())
    if takes_phases(model) or any(isinstance(module, torch._dynamo.OptimizedModule) for module in modules):
        return []  # phases lie in an order of their own, and a compiled network would be compiled again
    convs = [module for module in modules if isinstance(module, nn.Conv2d)]
    if any(map(_strides_over, convs)):
        return []
    found = [conv._parameters.get("weight") for conv in convs if type(conv) is nn.Conv2d]
    return list(dict.fromkeys(w for w in found if type(w) is nn.Parameter and w.device.type == "cpu" and not _lies(w)))


def _strides_over(conv: nn.Conv2d) -> bool:
    """A kernel of one pixel with a stride, as in the shortcuts of residual networks.

    torch 2.13 writes beyond its memory when it computes the gradient of such a weight channels last, with 2 or 4 input
    channels. 4,800 random convolutions of other kinds, with groups and dilation too, were tried under a checking
    allocator, without a fault (benchmarks/layout_faults.py tries others).
    """
    return any(kernel == 1 < stride for kernel, stride in zip(conv.kernel_size, conv.stride))


def _lies(weight: Tensor) -> bool:
    """In this order already. Where a dimension is 1, only strides tell."""
    return weight.stride() == torch.empty_like(weight, device="meta", memory_format=torch.channels_last).stride()


def _bears(model: nn.Module, weights: list[nn.Parameter], x: Tensor) -> bool:
    """Whether the network says the same of some images; asked once for each network, and again for other layers."""
    layers = list(map(type, model.modules()))
    if model not in _known or _known[model][0] != layers:
        _known[model] = layers, _alike(model, weights, x[:_SEEN].detach())
    return _known[model][1]


def _alike(model: nn.Module, weights: list[nn.Parameter], x: Tensor) -> bool:
    def says() -> Tensor:
        with torch.random.fork_rng([]), torch.autocast(x.device.type, enabled=False):
            return logits_from(model, x)

    with eval_mode(model), torch.no_grad():
        try:
            plain = says()
            with _in_order(weights):
                last = says()
        except (RuntimeError, ModelError):  # such as a view of what does not lie in order
            return False
    return bool((plain - last).abs().max() <= _CLOSE * plain.abs().max())
