"""What is known about the channels of a network while it runs: who makes them, who reads them, which are the same.

Every channel has a number. The rules in `rules/` note here what each operation does to channels; nothing in this file
knows how operations are seen.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

LOST = "comes from a tensor whose channels cannot be followed"
INPUT = "is tied to the channels of the image"
_COMPUTED = "meets a weight that is computed on the fly"
Tensors = tuple[Tensor | None, ...]


@dataclass(frozen=True)
class Flow:
    """The channels of one tensor."""

    axis: int
    """The axis that they lie on."""
    ids: Tensor
    """Channel number of each index of that axis, int64 (C,)."""
    value: Tensor
    """The constant that each channel is known to hold, float64 (C,); nan where it varies."""


@dataclass(frozen=True)
class Use:
    """One call of a convolution or linear layer: what it reads and what it writes, by channel number."""

    weight: str
    """Name of the parameter."""
    bias: str | None
    into: Tensor
    """Channel number of each entry of the weight's second axis."""
    value: Tensor
    """The constant that this entry reads in the network that was run, or nan."""
    out: Tensor
    """Channel number of each entry of the weight's first axis."""
    padded: bool
    """Zeros are padded around the input, so that a constant other than 0 is not constant at the border."""
    out_axis: int = 0
    """Which of the first two axes of the weight is that of `out`: the second of transposed convolutions."""


class ChannelGraph:
    """Collects what rules note about channels; `trace.trace` makes a `Trace` of it.

    Args:
        model: its parameters and buffers are known by name.
        bury: norms and depthwise filters whose input is constantly zero are taken to give zero.
    """

    def __init__(self, model: nn.Module, *, bury: bool) -> None:
        self.bury = bury
        self.names: dict[int, str] = {}
        """id of a parameter or buffer -> its name."""
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            self.names.setdefault(id(tensor), name)
        self.axes: dict[str, dict[int, Tensor]] = {}
        """Parameter or buffer -> axis -> channel number of each index."""
        self.uses: list[Use] = []
        """Calls of convolutions and linear layers, in the order they run."""
        self.followers: dict[str, Tensor] = {}
        """Module of a norm or depthwise convolution -> the channels that it works on, one by one."""
        self.idle: dict[str, Tensor] = {}
        """Parameter of a follower -> bool (C,): its input is constantly zero there."""
        self.stuck: dict[str, str] = {}
        """Parameter that is used in a way that cannot be followed -> how."""
        self.images: Tensor | None = None
        """Channel numbers of the images, once they are given."""
        self.called: list[str] = []
        """Parameters and buffers in the order of the calls that are given them."""
        self.outputs: list[Tensor] = []
        """Channel numbers of what the network gives out."""
        self.earlier = 0
        """How many uses earlier runs noted."""
        self.training = False
        """The network runs in training mode: constants are not those of eval mode."""
        self.count = 0
        """How many channel numbers there are."""
        self.pairs: list[tuple[Tensor, Tensor]] = []
        """Channels that stay or go together, one by one."""
        self.pins: list[tuple[Tensor, str]] = []
        """Channels that must stay, and why."""
        self._flows: dict[int, tuple[Tensor, Flow]] = {}  # holds the tensor, so that its id is not used again

    def flow(self, tensor: object) -> Flow | None:
        """The channels of a tensor, if they are known."""
        held = self._flows.get(id(tensor))
        return held[1] if held is not None else None

    def put(self, tensor: Tensor, axis: int, ids: Tensor, value: Tensor) -> bool:
        """Note the channels of a result; False if the axis has another length."""
        if tensor.shape[axis] != len(ids):
            return False
        self._flows[id(tensor)] = (tensor, Flow(axis % tensor.dim(), ids, value.to("cpu", torch.float64)))
        return True

    def lose(self, tensor: Tensor) -> None:
        """Forget the channels of a tensor that was changed in a way that cannot be followed."""
        self._flows.pop(id(tensor), None)

    def fresh(self, count: int, pinned: str | None = None) -> Tensor:
        """Numbers for channels that were not seen before."""
        ids = torch.arange(self.count, self.count + count)
        self.count += count
        if pinned is not None:
            self.pin(ids, pinned)
        return ids

    def pin(self, ids: Tensor, reason: str) -> None:
        """Say that these channels can neither be pruned nor removed."""
        self.pins.append((ids, reason))

    def couple(self, ids: Tensor, others: Tensor) -> None:
        """Say that these channels stay or go together, one by one."""
        self.pairs.append((ids, others))

    def index(self, tensor: Tensor | None, axis: int, ids: Tensor) -> bool:
        """Say that these channels index an axis of a parameter or buffer; False if it is neither of the two."""
        if tensor is None:
            return True
        name = self.names.get(id(tensor))
        if name is None:
            return False
        axes = self.axes.setdefault(name, {})
        if axis in axes:
            self.couple(axes[axis], ids)
        else:
            axes[axis] = ids
        return True

    def layer(
        self,
        flow: Flow | None,
        weight: Tensor,
        bias: Tensor | None,
        result: Tensor,
        axis: int,
        constants: Callable[..., Tensor],
        *,
        padded: bool,
        out_axis: int = 0,
    ) -> bool:
        """Let a convolution or linear layer read channels and make new ones; a second call makes the same again.

        Args:
            flow: the channels that it reads, if they are known.
            weight: (out, in, ...).
            bias: (out,), if there is one.
            result: what it gives.
            axis: where the new channels lie in the result.
            constants: `constants(weight, bias, value, padded=padded)` says which outputs are constant.
            padded: whether zeros are padded around the input.
            out_axis: 1 where the weight is (in, out, ...).
        Returns:
            False if the weight has no name, or not as many inputs as there are channels.
        """
        name = self.names.get(id(weight))
        reads = weight.shape[1 - out_axis]
        into = self.fresh(reads, LOST) if flow is None else flow.ids
        if name is None or len(into) != reads:
            return False
        value = varies(into) if flow is None else flow.value
        out = self.axes.get(name, {}).get(out_axis)
        out = self.fresh(weight.shape[out_axis]) if out is None else out
        for tensor, along, ids in ((weight, out_axis, out), (weight, 1 - out_axis, into), (bias, 0, out)):
            if not self.index(tensor, along, ids):
                self.pin(ids, _COMPUTED)
        self._use(Use(name, self.names.get(id(bias)), into, value, out, padded, out_axis))
        return self.put(result, axis, out, constants(weight.transpose(0, out_axis), bias, value, padded=padded))

    def _use(self, use: Use) -> None:
        """Note a call; not again where another run makes the very same, on the same channels."""
        if self.training:
            use = replace(use, value=torch.where(use.value == 0, 0.0, float("nan")).to(use.value))
        for other in self.uses[: self.earlier]:
            same = other.weight == use.weight and torch.equal(other.into, use.into)
            if same and (self.training or torch.allclose(other.value, use.value, rtol=0, atol=0, equal_nan=True)):
                return
        self.uses.append(use)

    def follow(self, flow: Flow, own: Tensors, statistics: Tensors = ()) -> bool:
        """Let a norm or depthwise convolution work on each channel by itself, with one entry of each tensor."""
        if not all(self.index(tensor, 0, flow.ids) for tensor in (*own, *statistics)):
            self.pin(flow.ids, _COMPUTED)
            return False
        idle = flow.value == 0
        for name in (self.names[id(tensor)] for tensor in own if tensor is not None):
            self.idle[name] = idle & self.idle.get(name, idle)
            self.followers[name.rpartition(".")[0]] = flow.ids
        return True


def varies(ids: Tensor) -> Tensor:
    """The values of channels that are not constant."""
    return torch.full((len(ids),), float("nan"), dtype=torch.float64)
