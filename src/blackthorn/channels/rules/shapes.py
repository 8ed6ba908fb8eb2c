"""Channels through operations that put axes elsewhere, repeat along others, or put tensors side by side."""

from typing import Any

import torch
from torch import Tensor

from ..graph import LOST, ChannelGraph, varies
from .call import Call, axes_of
from .elementwise import meets
from .views import moved


def permute(graph: ChannelGraph, call: Call) -> bool:
    """Axes in another order, however it is asked for: the function is called on a tensor with axes of other lengths."""
    flow, result = call.spread(graph), call.result
    if flow is None:
        return moved(graph, call)
    if not isinstance(result, Tensor):
        return False
    lengths = range(2, 2 + call.args[0].dim())
    shape = list(call.func(torch.empty(*lengths, device="meta"), *call.args[1:], **call.options).shape)
    axes = [shape.index(lengths[axis]) for axis in flow.axes]
    order = sorted(range(len(axes)), key=axes.__getitem__)
    return graph.put(result, tuple(sorted(axes)), flow.ids.permute(order), flow.value.permute(order))


def property_of(graph: ChannelGraph, call: Call) -> bool:
    """x.T and x.mT are transposed, x.data is x; other properties are no tensors, or not followed."""
    name = getattr(getattr(call.func, "__self__", None), "__name__", "")
    flow = call.spread(graph)
    if name == "data" and flow is not None:
        return graph.put(call.result, flow.axes, flow.ids, flow.value)
    return name in ("T", "mT", "H", "mH") and permute(graph, call)


def expand(graph: ChannelGraph, call: Call) -> bool:
    """The same numbers along other axes, as squeeze-excite writes it: gate.expand_as(x)."""
    flow, result = call.spread(graph), call.result
    if flow is None:
        return moved(graph, call)
    more = result.dim() - call.args[0].dim()
    return graph.put(result, tuple(axis + more for axis in flow.axes), flow.ids, flow.value)


def roll(graph: ChannelGraph, call: Call) -> bool:
    """Entries of other axes in another order."""
    given = call.bound("input shifts dims") if call.name == "roll" else call.bound("input dims")
    flow = call.spread(graph)
    if flow is None or given["dims"] is None or axes_of(given["dims"], given["input"]) & set(flow.axes):
        return False
    return graph.put(call.result, flow.axes, flow.ids, flow.value)


def cat(graph: ChannelGraph, call: Call) -> bool:
    """Channels side by side; or, along another axis, the same channels again, as a class token among others."""
    given, result = call.bound("tensors dim"), call.result
    tensors = list(given["tensors"])
    along = call.options.get("axis", given["dim"] or 0) % result.dim()
    flows = [graph.spread(tensor) for tensor in tensors]
    if {flow.axes for flow in flows if flow is not None} != {(along,)}:
        return _same(graph, tensors, result, lambda axis: axis, along)
    parts = [graph.fresh(t.shape[along], LOST) if f is None else f.ids for t, f in zip(tensors, flows)]
    values = [varies(ids) if f is None else f.value for ids, f in zip(parts, flows)]
    return graph.put(result, along, torch.cat(parts), torch.cat(values))


def stack(graph: ChannelGraph, call: Call) -> bool:
    """The same channels in several tensors, along a new axis."""
    given = call.bound("tensors dim")
    along = (given["dim"] or 0) % call.result.dim()
    return _same(graph, list(given["tensors"]), call.result, lambda axis: axis + (axis >= along), None)


def _same(graph: ChannelGraph, tensors: list[Tensor], result: Tensor, moves: Any, along: int | None) -> bool:
    """Tensors that share their channels: those that are not followed must be parameters, and are indexed by them."""
    flows = [flow for tensor in tensors if (flow := graph.spread(tensor)) is not None]
    if not flows or len({(flow.axes, flow.ids.shape) for flow in flows}) != 1 or along in flows[0].axes:
        return False
    first = flows[0]
    zero = torch.stack([flow.value == 0 for flow in flows]).all(0)
    held = first.value
    for tensor in tensors:
        flow = graph.spread(tensor)
        if flow is not None:
            graph.couple(first.ids, flow.ids)
        elif len(first.axes) > 1 or tensor.shape[first.axis] == 1 or not graph.index(tensor, first.axis, first.ids):
            return False
        other = flow.value if flow is not None else meets(graph, tensor, first.axis - tensor.dim(), first, zero)
        held = torch.where(held == other, held, float("nan"))
    return graph.put(result, tuple(moves(axis) for axis in first.axes), first.ids, held)
