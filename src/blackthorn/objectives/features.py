"""The taps of a network, found once: an objective asks for them in every step of a training."""

from weakref import WeakKeyDictionary

from torch import Tensor, nn

from ..channels import Tap, find_taps

_known: WeakKeyDictionary[nn.Module, tuple[tuple[str, ...], tuple[Tap, ...]]] = WeakKeyDictionary()


def taps(model: nn.Module, example: Tensor) -> tuple[Tap, ...]:
    """`channels.find_taps`, asked only when the network is new or its modules have changed.

    Args:
        model: any network; left as it was.
        example: images to run it on, (batch, channels, height, width).
    Raises:
        ModelError: the network has no hidden layer with an activation.
    """
    modules = tuple(f"{name} {type(module).__name__}" for name, module in model.named_modules())
    if model not in _known or _known[model][0] != modules:
        _known[model] = modules, tuple(find_taps(model, example[:1]))
    return _known[model][1]
