"""Channels through operations that move numbers about: reshape, transpose, slices, concatenation."""

import math

import torch
from torch import Tensor

from ..graph import LOST, ChannelGraph, varies
from .call import Call


def reshape(graph: ChannelGraph, call: Call) -> bool:
    """Channels may absorb axes that follow them (flatten), but not be split or merged with the batch."""
    flow, result = call.flow(graph), call.result
    if flow is None or not isinstance(result, Tensor) or result is call.args[0]:
        return False
    old, new, count = call.args[0].shape, result.shape, len(flow.ids)
    outer, inner = math.prod(old[: flow.axis]), math.prod(old[flow.axis + 1 :])
    for axis, size in enumerate(new):
        if math.prod(new[:axis]) == outer and size % count == 0 and (size > 1 or count == 1):
            times = size // count
            if times * math.prod(new[axis + 1 :]) == inner:
                held = flow.value.repeat_interleave(times)
                return graph.put(result, axis, flow.ids.repeat_interleave(times), held)
    return False


def permute(graph: ChannelGraph, call: Call) -> bool:
    """Axes in another order."""
    flow, result = call.flow(graph), call.result
    if flow is None or call.options or result is call.args[0]:
        return False
    order = call.args[1] if isinstance(call.args[1], (list, tuple)) else call.args[1:]
    axis = [a % result.dim() for a in order].index(flow.axis)
    return graph.put(result, axis, flow.ids, flow.value)


def transpose(graph: ChannelGraph, call: Call) -> bool:
    """Two axes swapped."""
    flow, result = call.flow(graph), call.result
    if flow is None or len(call.args) != 3 or result is call.args[0]:
        return False
    one, other = call.args[1] % result.dim(), call.args[2] % result.dim()
    return graph.put(result, {one: other, other: one}.get(flow.axis, flow.axis), flow.ids, flow.value)


def getitem(graph: ChannelGraph, call: Call) -> bool:
    """Slices of other axes, such as x[:, :, ::2, ::2]; a slice of channels is fixed in the code."""
    flow = call.flow(graph)
    index = call.args[1] if isinstance(call.args[1], tuple) else (call.args[1],)
    if flow is None or not all(isinstance(i, (slice, int)) and not isinstance(i, bool) for i in index):
        return False
    if flow.axis < len(index) and index[flow.axis] != slice(None):
        graph.pin(flow.ids, "is sliced by channel numbers that are written in the code")
        return False
    axis = flow.axis - sum(isinstance(i, int) for i in index[: flow.axis])
    return graph.put(call.result, axis, flow.ids, flow.value)


def cat(graph: ChannelGraph, call: Call) -> bool:
    """Channels side by side; or, along another axis, the same channels again."""
    given, result = call.bound("tensors dim"), call.result
    tensors = list(given["tensors"])
    along = call.options.get("axis", given["dim"] or 0) % result.dim()
    flows = [graph.flow(tensor) for tensor in tensors]
    axes = {flow.axis for flow in flows if flow is not None}
    if len(axes) != 1 or (along not in axes and None in flows):
        return False
    if along in axes:
        parts = [graph.fresh(t.shape[along], LOST) if f is None else f.ids for t, f in zip(tensors, flows)]
        values = [varies(ids) if f is None else f.value for ids, f in zip(parts, flows)]
        return graph.put(result, along, torch.cat(parts), torch.cat(values))
    first, *others = (flow for flow in flows if flow is not None)
    held = first.value
    for flow in others:
        graph.couple(first.ids, flow.ids)
        held = torch.where(held == flow.value, held, float("nan"))
    return graph.put(result, first.axis, first.ids, held)
