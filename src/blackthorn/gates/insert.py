"""Put gates into any network, at the channel groups that a trace of it finds."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from ..channels import ChannelGroup, Trace, trace
from ..channels.graph import INPUT
from ..channels.groups import groups_of
from ..channels.trace import OUTPUT, two_of
from ..errors import ModelError
from ..models import copied, device_of, eval_mode
from .beta_bernoulli import BetaBernoulli
from .gate import Gate
from .gating import Gating, attach, places, share_draws

MakesGate = Callable[[int], nn.Module]
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear, *_TRANSPOSED)
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def insert_gates(
    model: nn.Module,
    example: Tensor,
    gate: MakesGate | None = None,
    *,
    convolutions: MakesGate | None = None,
    linear: Literal["output", "input"] = "output",
) -> nn.Module:
    """A copy of the network with a gate at every channel group, the units of which it opens and closes.

    The gate masks what the layer of the group gives, before any norm or activation. Layers that add to one residual
    stream share a gate, which draws once for all of them in a pass.

    In train mode masks are drawn for each image, in eval mode they are expected: attacks and measures see the expected
    network. Gates learn at rates of their own when the network is trained by `blackthorn.fit`; give them a reason to
    close with an objective such as `objectives.BayesianPruning`.

    Layers keep their names. Copies, state dicts and bundles of the network hold its gates; to load a state dict, insert
    gates first.

    Args:
        model: any network; not touched.
        example: one image or more, (batch, channels, height, width), on the model's device.
        gate: `gate(units)` makes a gate, such as a value of this package; `BetaBernoulli()` by default.
        convolutions: what makes the gates of channels that convolutions make, if these are to be others.
        linear: `input` gates the inputs of linear layers instead of their outputs. Where a linear layer reads a
            flattened map, each position of it is then a unit of its own, and what convolutions make is gated too. This
            is how Madaan et al. count 1,370 units of LeNet-5-Caffe and 5,248 of VGG-16. A dropout right before such a
            layer gives way to the gate: it is set to drop nothing.
    Raises:
        ModelError: the network has gates already, no group of it can carry one, or `gate` makes no gate.
        PruningError: the network cannot run on the example.
    Reference:
        Lee et al. 2018, Beta-Bernoulli dropout; Madaan et al. 2020, Adversarial Neural Pruning.
    """
    if places(model):
        raise ModelError("the network has gates already; fold them, or insert gates into the network before")
    makes = gate or BetaBernoulli()
    model = copied(model)
    found = trace(model, example)
    layers = _Layers(model, example)
    whole: list[str] = []
    for group in groups_of(found):
        if linear == "input" and layers.linear([*group.producers, *group.consumers]):
            continue  # each of its readers gates its own input
        reason = f"{group.name} {group.reason}" if group.reason else layers.refused(group.producers)
        if reason is None:
            makes_group = makes if layers.linear(group.producers) else convolutions or makes
            _gate_group(model, group, Gating(_made(makes_group, group.channels)))
        elif group.reason != OUTPUT:
            whole.append(reason)
    for name in _reading(found, layers) if linear == "input" else ():
        if (reason := layers.refused([name])) is None:
            units = model.get_parameter(f"{name}.weight").shape[1]
            attach(model, name, "input", Gating(_made(makes, units), dropout=layers.dropouts.get(name)))
        else:
            whole.append(reason)
    if not places(model):
        reasons = "; ".join(dict.fromkeys(whole)) or "it has no hidden layer"
        raise ModelError(f"no channel group of {type(model).__name__} can carry a gate: {reasons}")
    if whole:
        warnings.warn(f"left without a gate: {'; '.join(dict.fromkeys(whole))}", stacklevel=2)
    share_draws(model)
    return model


def _gate_group(model: nn.Module, group: ChannelGroup, gating: Gating) -> None:
    """One gate for all layers that make the channels of a group."""
    for name in group.producers:
        by_axis = group.index[f"{name}.weight"]
        channel = by_axis[1 if isinstance(model.get_submodule(name), _TRANSPOSED) else 0]
        same = torch.equal(channel, torch.arange(group.channels))
        attach(model, name, "output", gating, None if same else channel.to(device_of(model)))


def _reading(found: Trace, layers: "_Layers") -> list[str]:
    """The linear layers that read hidden units, in the order they run."""
    names = [use.weight.rpartition(".")[0] for use in found.uses if found.reason(use.into) != INPUT]
    return [name for name in dict.fromkeys(names) if layers.linear([name])]


def _made(makes: MakesGate, units: int) -> nn.Module:
    gate = makes(units)
    if not isinstance(gate, nn.Module) or not isinstance(gate, Gate):
        raise ModelError(
            f"{makes!r} makes a {type(gate).__name__}; a gate is a module with sample, expected, kl and active"
        )
    read = tuple(gate.expected().shape)
    if read != (units,):
        raise ModelError(f"the gate {type(gate).__name__} expects a mask of shape {read} for {units} units")
    return gate


class _Layers:
    """The layers of a network, as one pass of the example goes through them."""

    def __init__(self, model: nn.Module, example: Tensor) -> None:
        self._modules = dict(model.named_modules(remove_duplicate=False))
        held = Counter(id(one) for _, one in model.named_parameters(remove_duplicate=False))
        self._tied = {number for number, times in held.items() if times > 1}
        self._called: set[nn.Module] = set()
        self._dropped: list[tuple[object, str]] = []
        self.dropouts: dict[str, str] = {}
        """Layer -> the dropout whose output it is given as it is."""
        handles = []
        for name, module in model.named_modules():
            if isinstance(module, torch.jit.ScriptModule):  # takes no hooks
                continue
            handles.append(module.register_forward_pre_hook(partial(self._enter, name)))
            if isinstance(module, _DROPOUTS):
                handles.append(module.register_forward_hook(partial(self._drop, name)))
        try:
            with eval_mode(model), torch.no_grad():
                model(two_of(model, example))
        finally:
            for handle in handles:
                handle.remove()

    def linear(self, names: Iterable[str]) -> bool:
        """Whether all of these are linear layers."""
        return all(isinstance(self._modules.get(name), nn.Linear) for name in names)

    def refused(self, names: Iterable[str]) -> str | None:
        """Why one of these layers cannot carry a gate; None if all can."""
        for name in names:
            module = self._modules.get(name)
            if module is None:
                return f"{name} is a parameter of the network itself, no plain convolution or linear layer"
            if not any(type(module).forward is kind.forward for kind in _LAYERS):
                return f"{name or 'the network'} is a {type(module).__name__}, no plain convolution or linear layer"
            if module not in self._called:
                return f"the weights of {name} are used without calling it"
            if id(module.weight) in self._tied:
                return f"{name} shares its weights with another layer"
        return None

    def _enter(self, name: str, layer: nn.Module, args: tuple[object, ...]) -> None:
        self._called.add(layer)
        for output, dropout in self._dropped:
            if args and args[0] is output:
                self.dropouts[name] = dropout

    def _drop(self, name: str, layer: nn.Module, args: object, output: object) -> None:
        del layer, args
        self._dropped.append((output, name))
