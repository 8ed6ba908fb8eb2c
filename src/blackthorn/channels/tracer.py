"""The machinery of `trace`: a torch function mode that hands every call to the rule of its name."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .flow_calls import LOST, name_of, varies
from .flow_rules import RULES
from .traces import INPUT, OUTPUT, Trace, Use

Tensors = tuple[Tensor | None, ...]


@dataclass(frozen=True)
class Flow:
    """One tensor's channels: the axis they lie on, their numbers (C,), and their constant values (C,) or
    nan."""

    axis: int
    ids: Tensor
    value: Tensor


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

    def start(self, images: Tensor) -> None:
        """The channels of the images are given; no one can remove them."""
        ids = self.fresh(images.shape[1], INPUT)
        self.put(images, 1, ids, varies(ids))

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
        self._flows[id(tensor)] = (tensor, Flow(axis % tensor.dim(), ids, value.to("cpu", torch.float64)))
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

    def index(self, tensor: Tensor | None, axis: int, ids: Tensor) -> bool:
        """An axis of a parameter or buffer is indexed by these channels; False: it is neither of the
        two."""
        if tensor is None:
            return True
        name = self.names.get(id(tensor))
        if name is None:
            return False
        axes = self.trace.axes.setdefault(name, {})
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
        held: Callable[..., Tensor],
        *,
        padded: bool,
    ) -> bool:
        """A convolution or linear layer reads channels and makes new ones; a second call makes the same
        again."""
        name = self.names.get(id(weight))
        into = self.fresh(weight.shape[1], LOST) if flow is None else flow.ids
        if name is None or len(into) != weight.shape[1]:
            return False
        value = varies(into) if flow is None else flow.value
        out = self.trace.axes.get(name, {}).get(0)
        out = self.fresh(weight.shape[0]) if out is None else out
        for tensor, along, ids in ((weight, 0, out), (weight, 1, into), (bias, 0, out)):
            if not self.index(tensor, along, ids):
                self.pin(ids, _COMPUTED)
        self.trace.uses.append(Use(name, self.names.get(id(bias)), into, value, out, padded))
        return self.put(result, axis, out, held(weight, bias, value, padded=padded))

    def follow(self, flow: Flow, own: Tensors, statistics: Tensors = ()) -> bool:
        """A norm or depthwise convolution works on each channel by itself, with one entry of each
        tensor."""
        if not all(self.index(tensor, 0, flow.ids) for tensor in (*own, *statistics)):
            self.pin(flow.ids, _COMPUTED)
            return False
        idle = flow.value == 0
        for name in (self.names[id(tensor)] for tensor in own if tensor is not None):
            self.trace.idle[name] = idle & self.trace.idle.get(name, idle)
            self.trace.followers[name.rpartition(".")[0]] = flow.ids
        return True

    def finish(self, logits: object) -> Trace:
        """Number what must stay or go together, and say what must stay."""
        for tensor in _tensors(logits):
            if (flow := self.flow(tensor)) is not None:
                self.pin(flow.ids, OUTPUT)
        for name, reason in self.trace.stuck.items():
            for ids in self.trace.axes.get(name, {}).values():
                self.pin(ids, reason)
        self.trace.root = root = _representatives(self._count, self._pairs)
        for ids, reason in self._pins:
            for r in set(root[ids].tolist()):
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
                self.trace.stuck.setdefault(self.names[id(tensor)], reason)
        for tensor in _tensors(result):
            self._flows.pop(id(tensor), None)


_COMPUTED = "meets a weight that is computed on the fly"
_HARMLESS = {
    *("size", "dim", "ndimension", "numel", "nelement", "stride", "storage_offset", "element_size", "type"),
    *("get_device", "is_floating_point", "is_complex", "is_contiguous", "is_same_size"),
    *("len", "hash", "repr", "format"),
}  # what reads a tensor's form and not its values


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
    """The least number of each connected set: labels fall along the pairs and jump to their label's
    label."""
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
