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
        return flow is not None and result is call.args[0]  # a flatten of what is flat gives back the same tensor
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
    """Axes in another order, however it is asked for: the function is called on a tensor with axes of other lengths."""
    flow, result = call.flow(graph), call.result
    if flow is None or result is call.args[0]:
        return flow is not None
    lengths = range(2, 2 + call.args[0].dim())
    shape = call.func(torch.empty(*lengths, device="meta"), *call.args[1:], **call.options).shape
    return graph.put(result, list(shape).index(lengths[flow.axis]), flow.ids, flow.value)


def expand(graph: ChannelGraph, call: Call) -> bool:
    """The same numbers along other axes, as squeeze-excite writes it: gate.expand_as(x)."""
    flow, result = call.flow(graph), call.result
    if flow is None:
        return False
    return graph.put(result, flow.axis + result.dim() - call.args[0].dim(), flow.ids, flow.value)


def getitem(graph: ChannelGraph, call: Call) -> bool:
    """Slices of other axes, such as x[:, :, ::2, ::2], and new axes; a slice of channels is fixed in the code."""
    flow = call.flow(graph)
    index = list(call.args[1]) if isinstance(call.args[1], tuple) else [call.args[1]]
    if flow is None or any(isinstance(i, bool) for i in index):
        return False
    if any(i is Ellipsis for i in index):
        at = next(place for place, i in enumerate(index) if i is Ellipsis)
        missing = call.args[0].dim() - sum(i is not None for i in index) + 1
        index[at : at + 1] = [slice(None)] * missing
    if not all(i is None or isinstance(i, (slice, int)) for i in index):
        return False
    old = new = 0
    for i in [*index, *[slice(None)] * call.args[0].dim()]:
        if old == flow.axis and i is not None:
            if i != slice(None):
                graph.pin(flow.ids, "is sliced by channel numbers that are written in the code")
                return False
            return graph.put(call.result, new, flow.ids, flow.value)
        new += not isinstance(i, int)
        old += i is not None
    return False


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
