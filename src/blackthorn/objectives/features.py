"""Features inside a network: the places to look at, found once, and their values, kept during a forward pass."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from ..errors import TrainingError
from ..models import eval_mode

_ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Softplus, nn.Sigmoid, nn.Tanh)
_known: WeakKeyDictionary[nn.Module, tuple[tuple[str, ...], tuple[str, ...]]] = WeakKeyDictionary()


def taps(model: nn.Module, example: Tensor) -> tuple[str, ...]:
    """`tap_names`, which are looked for only when the network is new or its modules have changed.

    Raises:
        TrainingError: the network has no hidden layer.
    """
    modules = tuple(f"{name} {type(module).__name__}" for name, module in model.named_modules())
    if model not in _known or _known[model][0] != modules:
        _known[model] = modules, tap_names(model, example)
    names = _known[model][1]
    if not names:
        raise TrainingError(
            f"{type(model).__name__} has no hidden layer, so there are no features to look at; set vulnerability: 0"
        )
    return names


def tap_names(model: nn.Module, example: Tensor) -> tuple[str, ...]:
    """Modules that give the features of each hidden layer, in the order in which they run.

    A layer is a convolution or a linear layer; its features are what the activation after it gives, or, where none
    follows before the next layer, what the layer itself gives. The last layer makes the logits and is left out.
    Modules that run more than once are left out too, since their name does not say which run is meant.

    Args:
        model: any network; left as it was.
        example: one image or more, (batch, channels, height, width).
    """
    calls: list[str] = []

    def note(name: str, *_: object) -> None:
        calls.append(name)

    modules = dict(model.named_modules())
    hooks = [module.register_forward_hook(partial(note, name)) for name, module in modules.items()]
    devices = [example.device] if example.is_cuda else []
    try:
        with eval_mode(model), torch.no_grad(), torch.random.fork_rng(devices):
            model(example[:1])
    finally:
        for hook in hooks:
            hook.remove()
    taps_of: dict[str, str] = {}
    layer = ""
    for name in calls:
        if isinstance(modules[name], (nn.Linear, _ConvNd)):
            layer = taps_of[name] = name
        elif isinstance(modules[name], _ACTIVATIONS) and taps_of.get(layer) == layer and calls.count(name) == 1:
            taps_of[layer] = name
    return tuple(tap for tap in list(taps_of.values())[:-1] if calls.count(tap) == 1)


@contextmanager
def tapped(model: nn.Module, names: Iterable[str]) -> Iterator[Mapping[str, Tensor]]:
    """Keep what these modules give in the forward pass that is made within, with its gradients.

    Args:
        model: any network.
        names: modules of the network, as in `tap_names`; each gives one tensor.
    """
    features: dict[str, Tensor] = {}

    def keep(name: str, module: nn.Module, inputs: object, output: Tensor) -> None:
        features[name] = output

    hooks = [model.get_submodule(name).register_forward_hook(partial(keep, name)) for name in names]
    try:
        yield features
    finally:
        for hook in hooks:
            hook.remove()
