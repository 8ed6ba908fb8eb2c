"""Gates in their places: a gate is a child of each layer whose output, or input, it masks.

The layer keeps its name and its weights; a hook of the layer asks the child. Hooks are functions of this module, which
find the gate on the layer that they are called for, so that copies of a network use their own gates.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

from torch import Tensor, nn

from ..models import HasParameterGroups, ParameterGroup
from .gate import GATES, Gate

Side = Literal["output", "input"]
_SIDES: tuple[Side, ...] = ("output", "input")
_LR = 1e-2  # of gates that ask for no rate of their own (Madaan et al. 2020)


class Gating(nn.Module):
    """A gate, and what it drew for the pass of the network that is running: several layers may share its units."""

    def __init__(self, gate: nn.Module, *, dropout: str | None = None) -> None:
        super().__init__()
        self.gate = gate
        self.dropout = dropout
        """Name of the dropout that gives way to the gate and drops nothing."""
        self.passing = False
        self._held: Tensor | None = None

    @property
    def learnt(self) -> Gate:
        """The gate, by its protocol."""
        return cast(Gate, self.gate)

    def mask(self, batch: int) -> Tensor:
        """Drawn for each example, (batch, units), in train mode; expected, (units,), in eval mode."""
        if self._held is not None and (self._held.dim() == 1 or len(self._held) == batch):
            return self._held
        mask = self.learnt.sample(batch) if self.training else self.learnt.expected()
        if self.passing:
            self._held = mask
        return mask

    def begin(self, passing: bool) -> None:
        """Forget what was drawn; from now on every layer is given the same, until this is called again."""
        self.passing, self._held = passing, None

    def parameter_groups(self) -> list[ParameterGroup]:
        """Those of the gate; one that says nothing learns at 0.01 and does not decay."""
        if isinstance(self.gate, HasParameterGroups):
            return []
        return [ParameterGroup(self.gate.parameters(), lr=_LR, weight_decay=0.0, name=GATES)]


@dataclass(frozen=True)
class Place:
    """A layer that has a gate."""

    layer: str
    """Name of the module; `layer.output_gate` or `layer.input_gate` is the gate."""
    side: Side
    gating: Gating
    units: Tensor | None
    """The unit of the gate that each channel of the layer belongs to, int64 (channels,); None where it is the same."""

    @property
    def mask(self) -> Tensor:
        """The mask of eval mode for each channel of the layer, (channels,)."""
        expected = self.gating.learnt.expected().detach()
        return expected if self.units is None else expected[self.units]


def places(model: nn.Module) -> list[Place]:
    """Every place of a network that has a gate, in the order of its modules."""
    found = []
    for name, layer in model.named_modules():
        for side in _SIDES:
            gating = getattr(layer, f"{side}_gate", None)
            if isinstance(gating, Gating):
                found.append(Place(name, side, gating, getattr(layer, f"{side}_units", None)))
    return found


def gates_of(model: nn.Module) -> list[Gate]:
    """Every gate of a network once, in the order of its modules."""
    return [module.learnt for module in model.modules() if isinstance(module, Gating)]


def attach(model: nn.Module, name: str, side: Side, gating: Gating, units: Tensor | None = None) -> None:
    """Gate the output or the input of the layer `name`; `units` as in `Place`."""
    layer = model.get_submodule(name)
    if gating.dropout is not None:
        model.get_submodule(gating.dropout).p = 0.0  # type: ignore[assignment]  # an option of torch's dropouts
    layer.add_module(f"{side}_gate", gating)
    if units is not None:
        layer.register_buffer(f"{side}_units", units)
    if side == "output":
        layer.register_forward_hook(_gate_output)
    else:
        layer.register_forward_pre_hook(_gate_input)


def share_draws(model: nn.Module) -> None:
    """Let gates that have several places draw once for each pass of the network; others have no need of it."""
    held = [place.gating for place in places(model)]
    if len(held) > len(set(held)):
        model.register_forward_pre_hook(_begin)
        model.register_forward_hook(_end, always_call=True)


def detach(model: nn.Module) -> None:
    """Remove all gates of a network, with their hooks."""
    for place in places(model):
        layer = model.get_submodule(place.layer)
        delattr(layer, f"{place.side}_gate")
        if place.units is not None:
            delattr(layer, f"{place.side}_units")
    for module in model.modules():
        for hooks in (module._forward_hooks, module._forward_pre_hooks):
            for number, hook in list(hooks.items()):
                if hook in (_gate_output, _gate_input, _begin, _end):
                    del hooks[number]
                    module._forward_hooks_always_called.pop(number, None)


def _gate_output(layer: nn.Module, args: Any, output: Tensor) -> Tensor:
    del args
    return _gated(layer, "output", output)


def _gate_input(layer: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return (_gated(layer, "input", args[0]), *args[1:])


def _gated(layer: nn.Module, side: Side, x: Tensor) -> Tensor:
    """`x` times the mask along its channels: the last axis of linear layers, the second of convolutions."""
    mask = cast(Gating, getattr(layer, f"{side}_gate")).mask(len(x))
    units = getattr(layer, f"{side}_units", None)
    if units is not None:
        mask = mask[..., units]
    axis = x.dim() - 1 if isinstance(layer, nn.Linear) else 1
    lead = [len(mask), *[1] * (axis - 1)] if mask.dim() == 2 else [1] * axis
    return x * mask.to(x.dtype).reshape(*lead, -1, *[1] * (x.dim() - axis - 1))


def _begin(model: nn.Module, args: Any) -> None:
    del args
    _tell(model, passing=True)


def _end(model: nn.Module, args: Any, output: Any) -> None:
    del args, output
    _tell(model, passing=False)


def _tell(model: nn.Module, *, passing: bool) -> None:
    for gating in _gatings(model):
        gating.begin(passing)


def _gatings(model: nn.Module) -> Iterator[Gating]:
    return (module for module in model.modules() if isinstance(module, Gating))
