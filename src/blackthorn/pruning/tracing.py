"""Follow channels through any network: run it once, and note which axis of which tensor carries which channels.

Every channel that a layer makes gets a number. Operations pass the numbers on (relu, pooling), repeat them (flatten),
join them (cat) or declare them one and the same (an addition couples its two sides). What comes out is, for each axis
of each parameter, the channel numbers it is indexed by: enough to mask, to shrink and to count. Along with its
numbers a tensor carries, per channel, the constant it is known to hold, or nan: a zeroed filter holds 0, and sigmoid
makes that 0.5.

An operation that is not known here pins its channels: they can be neither pruned nor removed, and `Trace.reasons`
says why. Functions and methods are seen alike, by a torch function mode, so that no module type matters.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import PruningError
from ..models import eval_mode
from .flow_rules import LOST, RULES, affine, name_of


@dataclass(frozen=True)
class Flow:
    """One tensor's channels: the axis they lie on, their numbers (C,), and their constant values (C,) or nan."""

    axis: int
    ids: Tensor
    value: Tensor


@dataclass(frozen=True)
class Use:
    """One call of a convolution or linear layer: what it reads and what it writes, by channel number."""

    weight: str
    bias: str | None
    into: Tensor
    """Channel number of each entry of the weight's second axis."""
    value: Tensor
    """Constant that this input entry holds in the traced network, or nan."""
    out: Tensor
    padded: bool
    """Zeros are padded around the input, so that a constant other than 0 is not constant at the border."""


@dataclass
class Trace:
    """What one run of a network tells about its channels. Numbers in `axes` and `uses` index `root`."""

    axes: dict[str, dict[int, Tensor]] = field(default_factory=dict)
    """Parameter or buffer name -> axis -> channel number of each index."""
    uses: list[Use] = field(default_factory=list)
    """Convolutions and linear layers that make channels of their own, in the order they run."""
    followers: dict[str, Tensor] = field(default_factory=dict)
    """Module name of norms and depthwise convolutions -> channels they work on, one by one."""
    idle: dict[str, Tensor] = field(default_factory=dict)
    """Parameter of a follower -> bool (C,): its input is constantly zero there."""
    root: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    """Channel number -> representative of all that must stay or go together."""
    reasons: dict[int, str] = field(default_factory=dict)
    """Representative -> why it can neither be pruned nor removed; the absent can."""

    def free(self, ids: Tensor) -> Tensor:
        """Bool, per channel number: may it go?"""
        pinned = torch.zeros(len(self.root), dtype=torch.bool)
        pinned[list(self.reasons)] = True
        return ~pinned[self.root[ids]]

    def reason(self, ids: Tensor) -> str | None:
        """Why some of these channels are pinned, or None."""
        found = (self.reasons[r] for r in self.root[ids].tolist() if r in self.reasons)
        return next(found, None)


Tensors = tuple[Tensor | None, ...]

OUTPUT = "makes the output of the network"
INPUT = "comes with the image"


def trace(model: nn.Module, example: Tensor, *, bury: bool = False) -> Trace:
    """Run the network on `example` in eval mode and follow its channels; the network is left as it was.

    Args:
        example: one image or more, (batch, channels, height, width).
        bury: take norms and depthwise filters whose input is constantly zero to give zero, which is what masking them
            will make true; without it they give the constant that they give.
    Raises:
        PruningError: the network cannot run on the example.
    """
    if example.dim() < 2 or not len(example):
        raise PruningError(
            f"example must be a batch of images such as x[:1], got shape {tuple(example.shape)}"
        )
    tracer = Tracer(model, bury=bury)
    batch = torch.cat([example[:1], example[:1]])  # a batch of one hides which axis is the batch
    devices = [batch.device] if batch.is_cuda else []
    with torch.random.fork_rng(devices), eval_mode(model), torch.no_grad():
        tracer.start(batch)
        try:
            with tracer:
                logits = model(batch)
        except (RuntimeError, TypeError, IndexError) as error:
            line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise PruningError(
                f"the network cannot run on an example of shape {tuple(batch.shape)}: {line}"
            ) from error
    return tracer.finish(logits)


class Tracer(TorchFunctionMode):
    """Sees every torch call, hands it to the rule of its name, and keeps what the rules note down."""

    def __init__(self, model: nn.Module, *, bury: bool) -> None:
        super().__init__()
        self.bury = bury
        self.names: dict[int, str] = {}
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            self.names.setdefault(id(tensor), name)
        self.trace = Trace()
        self._flows: dict[int, tuple[Tensor, Flow]] = {}  # holds the tensor, so that its id is not used again
        self._count = 0
        self._pairs: list[tuple[Tensor, Tensor]] = []
        self._pins: list[tuple[Tensor, str]] = []
        self._stuck: dict[str, str] = {}

    def start(self, images: Tensor) -> None:
        """The channels of the images are given; no one can remove them."""
        ids = self.fresh(images.shape[1], INPUT)
        self.put(images, 1, ids, unknown(len(ids)))

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        result = func(*args, **options)
        flows = [flow for tensor in _tensors((args, options)) if (flow := self.flow(tensor)) is not None]
        rule = RULES.get(name_of(func))
        known = "out" not in options and rule is not None and rule(self, func, args, options, result)
        if not known and (flows or self._touches_parameter(args, options)):
            self._give_up(func, args, options, result)
        return result

    def flow(self, tensor: object) -> Flow | None:
        """The channels of a tensor, if they are known."""
        held = self._flows.get(id(tensor))
        return held[1] if held is not None else None

    def put(self, tensor: Tensor, axis: int, ids: Tensor, value: Tensor) -> bool:
        """Note the channels of a result."""
        if tensor.shape[axis] != len(ids):
            return False
        self._flows[id(tensor)] = (tensor, Flow(axis % tensor.dim(), ids, value))
        return True

    def fresh(self, count: int, pinned: str | None = None) -> Tensor:
        """Numbers for channels not seen before."""
        ids = torch.arange(self._count, self._count + count)
        self._count += count
        if pinned is not None:
            self.pin(ids, pinned)
        return ids

    def pin(self, ids: Tensor, reason: str) -> None:
        """These channels can neither be pruned nor removed."""
        self._pins.append((ids, reason))

    def couple(self, ids: Tensor, others: Tensor) -> None:
        """These channels stay or go together, one by one."""
        self._pairs.append((ids, others))

    def index(self, tensor: object, axis: int, ids: Tensor, what: str) -> bool:
        """An axis of a parameter or buffer is indexed by these channels; False pins them: it is something else."""
        if tensor is None:
            return True
        name = self.names.get(id(tensor))
        if name is None:
            self.pin(ids, f"{what} is computed on the fly")
            return False
        axes = self.trace.axes.setdefault(name, {})
        if axis in axes:
            self.couple(axes[axis], ids)
        else:
            axes[axis] = ids
        return True

    def layer(
        self, flow: Flow | None, weight: Tensor, bias: Tensor | None, y: Tensor, axis: int, *, padded: bool
    ) -> bool:
        """A convolution or linear layer reads the channels of its input and makes new ones."""
        name, bias_name = self.names.get(id(weight)), self.names.get(id(bias))
        if name is None:
            return False
        into = flow.ids if flow is not None else self.fresh(weight.shape[1], LOST)
        value = flow.value if flow is not None else unknown(len(into))
        if len(into) != weight.shape[1]:
            return False
        out = self.trace.axes.get(name, {}).get(0)
        out = self.fresh(weight.shape[0]) if out is None else out
        self.index(weight, 0, out, "a weight")
        self.index(weight, 1, into, "a weight")
        self.index(bias, 0, out, "a bias")
        self.trace.uses.append(Use(name, bias_name, into, value, out, padded))
        return self.put(y, axis, out, affine(weight, bias, value, padded=padded))

    def follow(
        self, key: Tensor | None, ids: Tensor, value: Tensor, own: Tensors, statistics: Tensors = ()
    ) -> bool:
        """A norm or depthwise convolution works on each channel by itself, with one entry of each tensor."""
        if not all([self.index(tensor, 0, ids, "a norm") for tensor in (*own, *statistics)]):
            return False
        for name in (self.names[id(tensor)] for tensor in own if tensor is not None):
            idle = value == 0
            self.trace.idle[name] = idle & self.trace.idle.get(name, idle)
        if key is not None:
            self.trace.followers[self.names[id(key)].rpartition(".")[0]] = ids
        return True

    def finish(self, logits: object) -> Trace:
        """Number what must stay or go together, and say what must stay."""
        for tensor in _tensors(logits):
            if (flow := self.flow(tensor)) is not None:
                self.pin(flow.ids, OUTPUT)
        for name, reason in self._stuck.items():
            for ids in self.trace.axes.get(name, {}).values():
                self.pin(ids, reason)
        self.trace.root = root = _representatives(self._count, self._pairs)
        for ids, reason in self._pins:
            for r in root[ids].unique().tolist():
                self.trace.reasons.setdefault(r, reason)
        self._flows.clear()
        return self.trace

    def _touches_parameter(self, args: object, options: object) -> bool:
        return any(id(tensor) in self.names for tensor in _tensors((args, options)))

    def _give_up(self, func: Callable[..., Any], args: object, options: object, result: object) -> None:
        called = name_of(func)
        if called in _HARMLESS or (called == "__get__" and not any(True for _ in _tensors(result))):
            return
        reason = f"reaches '{called}', through which channels cannot be followed"
        for tensor in _tensors((args, options)):
            if (flow := self.flow(tensor)) is not None:
                self.pin(flow.ids, reason)
            if id(tensor) in self.names:
                self._stuck.setdefault(self.names[id(tensor)], reason)
        for tensor in _tensors(result):
            self._flows.pop(id(tensor), None)


_HARMLESS = frozenset(
    "size dim ndimension numel nelement stride is_floating_point is_complex is_contiguous is_cuda get_device "
    "element_size storage_offset type len hash repr format is_same_size register_hook".split()
)


def unknown(count: int) -> Tensor:
    """Values of channels that are not constant."""
    return torch.full((count,), float("nan"))


def _tensors(thing: object) -> Iterator[Tensor]:
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, dict):
        for held in thing.values():
            yield from _tensors(held)
    elif isinstance(thing, (list, tuple)) and not isinstance(thing, torch.Size):
        for held in thing:
            yield from _tensors(held)


def _representatives(count: int, pairs: list[tuple[Tensor, Tensor]]) -> Tensor:
    """The least number of each connected set: labels fall along the pairs and jump to their label's label."""
    root = torch.arange(count)
    if not pairs:
        return root
    one, other = torch.cat([p[0] for p in pairs]), torch.cat([p[1] for p in pairs])
    ends = torch.cat([one, other])
    while True:
        least = torch.minimum(root[one], root[other]).repeat(2)
        lower = root.scatter_reduce(0, ends, least, "amin")
        lower = lower[lower]
        if torch.equal(lower, root):
            return root
        root = lower
