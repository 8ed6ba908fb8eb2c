"""Taps: where the features of hidden layers are, and how to take them in a forward pass that runs anyway.

The features of a layer are what its activation gives. Where the activation is a module, the tap is its output. Where it
is a function in someone's `forward`, the tap is the first place where a module gives or is given the same tensor: the
output of the block around it, or the input of the layer after it. Where pooling alone lies in between, the features are
taken after the pooling, as the next module is given them.

Reference: Madaan et al. 2020, Adversarial Neural Pruning, whose code takes features after ReLU and before pooling.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode

from ..errors import ModelError
from .groups import groups_of
from .rules.call import name_of
from .rules.table import ACTIVATIONS, LAYERS
from .trace import run_once, trace, two_of
from .tracer import tensors_in

Side = Literal["output", "input"]


@dataclass(frozen=True)
class Tap:
    """A place in a network at which features are taken."""

    module: str
    """Name of the module."""
    side: Side = "output"
    """Whether the features are what the module gives, or what it is given."""
    call: int = 0
    """Which of the module's calls in one forward pass, from 0: the same ReLU may be called several times."""
    group: str = ""
    """Name of the `ChannelGroup` that the features belong to, where it is known."""

    def __str__(self) -> str:
        again = f", call {self.call + 1}" if self.call else ""
        return f"{'input of ' if self.side == 'input' else ''}{self.module}{again}"


def find_taps(model: nn.Module, example: Tensor) -> list[Tap]:
    """A tap after the activation of every hidden layer, in the order they run; the network is left as it was.

    Layers that are added up before one activation, as in residual networks, share its tap. A layer that the next layer
    reads without an activation in between has none.

    Args:
        model: any network.
        example: one image or more, (batch, channels, height, width), on the model's device.
    Raises:
        PruningError: the network cannot run on the example.
        ModelError: no module gives or is given the features of any hidden layer.
    """
    group_of = {layer: group.name for group in groups_of(trace(model, example)) for layer in group.producers}
    watching = _Activations(model)
    with _boundaries(model, watching.pass_by):
        run_once(model, two_of(model, example), watching)
    taps: dict[_Place, Tap] = {}
    for one in watching.found:
        place = one.exact or one.near
        if one.read and place is not None:
            group = next((group_of[layer] for layer in one.layers if layer in group_of), "")
            taps.setdefault(place, Tap(*place, group))
    if not taps:
        raise ModelError(f"{type(model).__name__} has no activation of a hidden layer at a module; name modules to tap")
    return list(taps.values())


def tapped(model: nn.Module, taps: Sequence[Tap | str]) -> Callable[[Tensor], tuple[Any, list[Tensor]]]:
    """A function that runs the network once, and gives the logits and the features at each tap.

        forward = tapped(model, find_taps(model, x[:1]))
        logits, features = forward(x)

    Features carry gradients as the logits do. The network runs in the mode that it is in, and is not changed: no hook
    is put on it, so that copies of it are ordinary copies.

    Args:
        model: any network.
        taps: as `find_taps` gives them; a name stands for the output of the first call of that module.
    Raises:
        ModelError: there is no such module; or, when the function is called, a tap is not reached.
    """
    wanted = [Tap(tap) if isinstance(tap, str) else tap for tap in taps]
    _places(model, wanted)  # refused now, and not at the first call

    def forward(x: Tensor) -> tuple[Any, list[Tensor]]:
        with captured(model, wanted) as features:
            logits = model(x)
        return logits, [features[tap] for tap in wanted]

    return forward


@contextmanager
def captured(model: nn.Module, taps: Sequence[Tap]) -> Iterator[Mapping[Tap, Tensor]]:
    """Within: the features of a forward pass, whoever makes it, are kept by tap, with their gradients.

    Args:
        model: any network; the last forward pass within counts.
        taps: as `find_taps` gives them.
    Raises:
        ModelError: there is no such module; or, at the end, a tap was not reached.
    """
    places = _places(model, taps)
    seen: dict[Tap, Tensor] = {}

    def keep(place: _Place, value: object) -> None:
        if place in places and isinstance(value, Tensor):
            seen.update(dict.fromkeys(places[place], value))

    with _boundaries(model, keep):
        yield seen
    for tap in taps:
        if tap not in seen:
            raise ModelError(f"{type(model).__name__} did not reach {tap}, and so has no features there")


class _Place(NamedTuple):
    """The output or the input of one call of a module."""

    module: str
    side: Side
    call: int


def _places(model: nn.Module, taps: Sequence[Tap]) -> dict[_Place, list[Tap]]:
    """Each place of the network at which features are wanted, with its taps: a module may have several names."""
    names = _names(model)
    modules = dict(model.named_modules(remove_duplicate=False))
    places: dict[_Place, list[Tap]] = {}
    for tap in taps:
        if tap.module not in modules:
            raise ModelError(f"{type(model).__name__} has no module '{tap.module}' to take features at")
        places.setdefault(_Place(names[id(modules[tap.module])], tap.side, tap.call), []).append(tap)
    return places


@contextmanager
def _boundaries(model: nn.Module, pass_by: Callable[[_Place, object], None]) -> Iterator[None]:
    """Within: `pass_by(place, value)` is told what every module of the network is given and gives."""
    names = _names(model)
    calls: dict[tuple[int, Side], int] = {}

    def meet(module: nn.Module, side: Side, value: object) -> None:
        if id(module) in names:
            call = calls[id(module), side] = calls.get((id(module), side), -1) + 1
            pass_by(_Place(names[id(module)], side, call), value)

    def enter(module: nn.Module, args: tuple[object, ...]) -> None:
        meet(module, "input", args[0] if args else None)

    def leave(module: nn.Module, args: tuple[object, ...], result: object) -> None:
        meet(module, "output", result)

    handles = [register_module_forward_pre_hook(enter), register_module_forward_hook(leave)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _names(model: nn.Module) -> dict[int, str]:
    """id of a module -> its first name."""
    return {id(module): name for name, module in model.named_modules()}


@dataclass
class _Activation:
    """One call of an activation on what layers gave."""

    layers: tuple[str, ...]
    read: bool = False
    """Whether a later layer reads what it gave: the activation of the last layer is no hidden feature."""
    exact: _Place | None = None
    """Where a module gives or is given the very tensor."""
    near: _Place | None = None
    """Where a module gives or is given something made of this tensor alone, such as its pooled form."""


@dataclass(frozen=True)
class _Lineage:
    """Where a tensor comes from."""

    layers: tuple[str, ...] = ()
    """The layers that it comes from without an activation in between."""
    activations: tuple[int, ...] = ()
    """The activations that it comes from without a layer in between, by their place in `found`."""
    exact: bool = False
    """It is what the one activation gave."""


class _Activations(TorchFunctionMode):
    """Sees every torch call of one forward pass, and finds the activations between layers."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.found: list[_Activation] = []
        self._layers = {id(weight): name.rpartition(".")[0] for name, weight in model.named_parameters()}
        self._lineages: dict[int, tuple[Tensor, _Lineage]] = {}  # holds the tensor, so that its id is not used again

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        given = list(tensors_in((args, options)))
        origins = [self._lineages[id(tensor)][1] for tensor in given if id(tensor) in self._lineages]
        result = func(*args, **options)
        layers = tuple(dict.fromkeys(layer for origin in origins for layer in origin.layers))
        before = tuple(dict.fromkeys(number for origin in origins for number in origin.activations))
        name = name_of(func)
        if name in LAYERS:
            for number in before:
                self.found[number].read = True
            weight = next((self._layers[id(tensor)] for tensor in given if id(tensor) in self._layers), "")
            lineage = _Lineage(layers=(weight,))
        elif name in ACTIVATIONS and layers:
            self.found.append(_Activation(layers))
            lineage = _Lineage(activations=(len(self.found) - 1,), exact=True)
        else:
            lineage = _Lineage(layers, before)
        for tensor in tensors_in(result):
            held = self._lineages.get(id(tensor))
            passed_on = held is not None and (held[1].layers, held[1].activations) == (
                lineage.layers,
                lineage.activations,
            )
            if not passed_on:  # an operation that gives its input back, such as dropout in eval mode
                self._lineages[id(tensor)] = tensor, lineage
        return result

    def pass_by(self, place: _Place, value: object) -> None:
        """A module is given, or gives, this value."""
        if id(value) not in self._lineages:
            return
        lineage = self._lineages[id(value)][1]
        if len(lineage.activations) == 1 and not lineage.layers:
            one = self.found[lineage.activations[0]]
            if lineage.exact:
                one.exact = one.exact or place
            else:
                one.near = one.near or place
