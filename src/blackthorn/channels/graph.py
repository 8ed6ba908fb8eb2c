"""What is known about the channels of a network while it runs: who makes them, who reads them, which are the same.

Every channel has a number. The rules in `rules/` note here what each operation does to channels; nothing in this file
knows how operations are seen.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from .partial_norm import layer_norm_gains
from .views import View

LOST = "comes from a tensor whose channels cannot be followed"
INPUT = "is tied to the channels of the image"
_COMPUTED = "meets a weight that is computed on the fly"
_MOST = 1 << 24  # entries of a parameter whose views are followed one by one
Tensors = tuple[Tensor | None, ...]


class InParts(Exception):
    """A rule asked for channels on one axis, and they lie on several."""


@dataclass(frozen=True)
class Flow:
    """The channels of one tensor."""

    axes: tuple[int, ...]
    """The axes that they lie on, ascending: one, or several after `view(n, groups, c // groups, h, w)`."""
    ids: Tensor
    """Channel number of each index of these axes, int64, with one axis for each."""
    value: Tensor
    """The constant that each channel is known to hold, float64; nan where it varies."""

    @property
    def axis(self) -> int:
        """The one axis."""
        (axis,) = self.axes
        return axis


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
        self.partial = layer_norm_gains(model)
        """Gains of LayerNorms that can lose channels, by id."""
        self._parameters = {name for name, _ in model.named_parameters()}
        self.axes: dict[str, dict[int, Tensor]] = {}
        """Parameter or buffer -> axis -> channel number of each index."""
        self.uses: list[Use] = []
        """Calls of convolutions and linear layers, in the order they run."""
        self.followers: dict[str, Tensor] = {}
        """Module of a norm or depthwise convolution -> the channels that it works on, one by one."""
        self.sums: list[tuple[Tensor, Tensor]] = []
        """Channels that are added up with others, and the constants that they hold: only zeros may go."""
        self.scaled: list[Tensor] = []
        """Queries (heads, C) of an attention that divides by the square root of C."""
        self.idle: dict[str, tuple[int, Tensor]] = {}
        """Parameter that works on channels one by one -> their axis; bool (C,): its input is constantly zero there."""
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
        self._views: dict[int, tuple[Tensor, View]] = {}

    def flow(self, tensor: object, axis: int | None = None) -> Flow | None:
        """The channels of a tensor on one axis, if they are known.

        Args:
            tensor: anything.
            axis: where the caller wants them. Channels that lie on other axes too, as in maps that were made of a
                vector, then go together with those at the same index of this one.
        Raises:
            InParts: they lie on several axes.
        """
        flow = self.spread(tensor)
        if flow is None or len(flow.axes) == 1:
            return flow
        if axis not in flow.axes:
            raise InParts
        ids, value = (one.movedim(flow.axes.index(axis), 0).flatten(1) for one in (flow.ids, flow.value))
        self.couple(ids, ids[:, :1])
        return Flow((axis,), ids[:, 0], torch.where((value == value[:, :1]).all(1), value[:, 0], float("nan")))

    def spread(self, tensor: object) -> Flow | None:
        """The channels of a tensor, on however many axes."""
        held = self._flows.get(id(tensor))
        return held[1] if held is not None else None

    def put(self, tensor: Tensor, axis: int | tuple[int, ...], ids: Tensor, value: Tensor) -> bool:
        """Note the channels of a result; False if an axis has another length."""
        axes = (axis % tensor.dim(),) if isinstance(axis, int) else axis
        if [tensor.shape[one] for one in axes] != list(ids.shape):
            return False
        self._flows[id(tensor)] = (tensor, Flow(axes, ids, value.to("cpu", torch.float64)))
        return True

    def view(self, tensor: object) -> View | None:
        """Which parameter a tensor is, or is a view of."""
        held = self._views.get(id(tensor))
        if held is not None:
            return held[1]
        name = self.names.get(id(tensor))
        if name is None or not isinstance(tensor, Tensor) or tensor.numel() > _MOST:
            return None
        return View(name, torch.arange(tensor.numel()).reshape(tensor.shape), tensor.shape)

    def named(self, tensor: Tensor) -> str | None:
        """Name of the parameter or buffer that a tensor is, or is a view of."""
        held = self._views.get(id(tensor))
        return self.names.get(id(tensor)) if held is None else held[1].name

    def put_view(self, tensor: Tensor, view: View) -> None:
        """Note that a tensor is a view of a parameter, or a function of each entry of it."""
        self._views[id(tensor)] = (tensor, view)

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
        self.pins.append((ids.flatten(), reason))

    def couple(self, ids: Tensor, others: Tensor) -> None:
        """Say that these channels stay or go together, one by one."""
        self.pairs.append((ids.flatten(), others.expand_as(ids).flatten()))

    def add_up(self, ids: Tensor, value: Tensor) -> None:
        """Say that these channels are added up: those may go that hold a zero."""
        self.sums.append((ids.flatten(), value.flatten()))

    def index(self, tensor: Tensor | None, axis: int, ids: Tensor) -> bool:
        """Say that these channels index an axis of a parameter, buffer or view of one; False if it is none of these."""
        if tensor is None:
            return True
        found = self._place(tensor, axis, ids)
        if found is None:
            return False
        name, axis, ids = found
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
        for tensor in own:
            if tensor is not None:
                self.silence(tensor, 0, flow.value == 0)
                self.followers[(self.named(tensor) or "").rpartition(".")[0]] = flow.ids
        return True

    def silence(self, tensor: Tensor, axis: int, idle: Tensor) -> bool:
        """Say for which channels a parameter, which works on them one by one, is given nothing but zeros.

        Returns:
            False if it is no parameter.
        """
        found = self._place(tensor, axis, idle)
        if found is None or found[0] not in self._parameters:
            return False
        name, at, idle = found
        self.idle[name] = at, idle & self.idle[name][1] if name in self.idle else idle
        return True

    def _place(self, tensor: Tensor, axis: int, held: Tensor) -> tuple[str, int, Tensor] | None:
        """The name of the parameter or buffer behind a tensor, which of its axes this is, and what is held for each
        index of it.
        """
        name = self.names.get(id(tensor))
        if name is not None:
            return name, axis, held
        view = self.view(tensor)
        found = None if view is None else view.axis(axis)
        return None if view is None or found is None else (view.name, found[0], held[found[1]])


def varies(ids: Tensor) -> Tensor:
    """The values of channels that are not constant."""
    return torch.full(ids.shape, float("nan"), dtype=torch.float64)
