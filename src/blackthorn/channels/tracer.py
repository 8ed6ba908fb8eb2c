"""Sees every torch call while a network runs, and hands it to the rule of its name.

Functions and methods are seen alike, by a torch function mode, so that no module type matters. An operation without a
rule pins its channels.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .graph import INPUT, ChannelGraph, varies
from .rules.call import Call
from .rules.table import RULES

_HARMLESS = {
    *("size", "dim", "ndimension", "numel", "nelement", "stride", "storage_offset", "element_size", "type"),
    *("get_device", "is_floating_point", "is_complex", "is_contiguous", "is_same_size"),
    *("len", "hash", "repr", "format"),
}  # what reads a tensor's form and not its values


class Tracer(TorchFunctionMode):
    """Within this context, rules note in the graph what every torch call does to channels."""

    def __init__(self, graph: ChannelGraph, images: Tensor) -> None:
        super().__init__()
        self._graph = graph
        ids = graph.fresh(images.shape[1], INPUT)  # the channels of the images are given; no one can remove them
        graph.put(images, 1, ids, varies(ids))

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        call = Call(func, args, options, func(*args, **options))
        given = list(tensors_in((args, options)))
        flows = any(self._graph.flow(tensor) is not None for tensor in given)
        rule = RULES.get(call.name)
        known = "out" not in options and rule is not None and rule(self._graph, call)
        if not known and (flows or any(id(tensor) in self._graph.names for tensor in given)):
            self._give_up(call, given)
        return call.result

    def _give_up(self, call: Call, given: list[Tensor]) -> None:
        reads_form = call.name == "__get__" and not any(True for _ in tensors_in(call.result))
        if call.name in _HARMLESS or reads_form:
            return
        graph, reason = self._graph, f"reaches '{call.name}', through which channels cannot be followed"
        for tensor in given:
            if (flow := graph.flow(tensor)) is not None:
                graph.pin(flow.ids, reason)
            if id(tensor) in graph.names:
                graph.stuck.setdefault(graph.names[id(tensor)], reason)
        for tensor in tensors_in(call.result):
            graph.lose(tensor)


def tensors_in(thing: object) -> Iterator[Tensor]:
    """Every tensor in nested lists, tuples and dicts."""
    if isinstance(thing, Tensor):
        yield thing
    elif isinstance(thing, dict):
        for held in thing.values():
            yield from tensors_in(held)
    elif isinstance(thing, (list, tuple)) and not isinstance(thing, torch.Size):
        for held in thing:
            yield from tensors_in(held)
