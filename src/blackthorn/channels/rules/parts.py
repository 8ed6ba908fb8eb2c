"""Channels through chunk, split and slices: parts of equal shares, which follow when there are fewer channels."""

import math
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from ..extent import Extent
from ..graph import ChannelGraph, Flow
from ..lines import line_of_caller
from .call import Call
from .reshape import hold
from .views import moved

_WRITTEN = "is cut at channel numbers that are written in the code"


def chunk(graph: ChannelGraph, call: Call) -> bool:
    """As many parts as asked for, of equal size."""
    given = call.bound("input chunks dim")
    flow, axis = call.spread(graph), (given["dim"] or 0)
    if flow is None:
        return moved(graph, call)
    axis %= given["input"].dim()
    return _parts(graph, call, flow, axis, [part.shape[axis] for part in call.result], asked=None)


def split(graph: ChannelGraph, call: Call) -> bool:
    """Parts of a given size; of channels, where that size is computed from their number."""
    given = call.bound("input split_size_or_sections dim")
    flow, axis = call.spread(graph), (given["dim"] or 0)
    if flow is None:
        return moved(graph, call)
    axis %= given["input"].dim()
    sizes, asked = [part.shape[axis] for part in call.result], given["split_size_or_sections"]
    return _parts(graph, call, flow, axis, sizes, asked=asked if isinstance(asked, (list, tuple)) else [asked])


def unbind(graph: ChannelGraph, call: Call) -> bool:
    """One tensor for each index of an axis."""
    flow, axis = call.spread(graph), call.bound("input dim")["dim"] or 0
    if flow is None:
        return moved(graph, call)
    axis %= call.args[0].dim()
    if flow.axes == (axis,):
        return False
    axes = tuple(one - (one > axis) for one in flow.axes if one != axis)
    at = flow.axes.index(axis) if axis in flow.axes else None
    if at is not None:
        hold(graph, flow.ids, at)
    for number, part in enumerate(call.result):
        ids, value = (one if at is None else one.select(at, number) for one in (flow.ids, flow.value))
        graph.put(part, axes, ids, value)
    return True


def getitem(graph: ChannelGraph, call: Call) -> bool:
    """Slices, numbers and new axes; slices of channels must be shares of them, such as x[:, : c // 2]."""
    flow, source = call.spread(graph), call.args[0]
    if flow is None:
        return moved(graph, call)
    index = list(call.args[1]) if isinstance(call.args[1], tuple) else [call.args[1]]
    if any(isinstance(i, (bool, Tensor)) for i in index):
        return False
    if any(i is Ellipsis for i in index):
        at = next(place for place, i in enumerate(index) if i is Ellipsis)
        index[at : at + 1] = [slice(None)] * (source.dim() - sum(i is not None for i in index) + 1)
    if not all(i is None or isinstance(i, (slice, int)) for i in index):
        return False
    ids, value, old, new = flow.ids, flow.value, 0, 0
    axes: list[int] = []
    for i in [*index, *[slice(None)] * (source.dim() - sum(i is not None for i in index))]:
        if old in flow.axes and i is not None:
            taken = _taken(graph, ids, len(axes), i)
            if taken is None:
                graph.pin(flow.ids, _WRITTEN + line_of_caller())
                return False
            ids, value = ids[taken], value[taken]
            axes += [] if isinstance(i, int) else [new]
        new += not isinstance(i, int)
        old += i is not None
    return graph.put(call.result, tuple(axes), ids, value)


def narrow(graph: ChannelGraph, call: Call) -> bool:
    """A slice of another axis, or one index of it."""
    flow, axis = call.spread(graph), call.args[1] if len(call.args) > 1 else call.options.get("dim")
    if flow is None:
        return moved(graph, call)
    if not isinstance(axis, int) or axis % call.args[0].dim() in flow.axes:
        return False
    gone = call.name == "select"
    axes = tuple(one - (gone and one > axis % call.args[0].dim()) for one in flow.axes)
    return graph.put(call.result, axes, flow.ids, flow.value)


def _parts(graph: ChannelGraph, call: Call, flow: Flow, axis: int, sizes: list[int], asked: Any) -> bool:
    """Parts along an axis; a part of channels must be a share of them, however many there are."""
    ids, value = [flow.ids] * len(sizes), [flow.value] * len(sizes)
    if axis in flow.axes:
        at, count = flow.axes.index(axis), call.args[0].shape[axis]
        if len(flow.axes) > 1:
            hold(graph, flow.ids, at)
        elif not _equal(graph, flow.ids, sizes, asked):
            graph.pin(flow.ids, _WRITTEN + line_of_caller())
            return False
        assert sum(sizes) == count
        ids, value = list(torch.split(flow.ids, sizes, at)), list(torch.split(flow.value, sizes, at))
    for part, numbers, held in zip(call.result, ids, value):
        graph.put(part, flow.axes, numbers, held)
    return True


def _equal(graph: ChannelGraph, ids: Tensor, sizes: list[int], asked: list[Any] | None) -> bool:
    """Note that the parts lose channels alike; False if their sizes do not follow from the number of channels."""
    if asked is not None and not all(_share(one, ids) for one in asked):
        return False
    blocks = len(ids) // math.gcd(*sizes)
    if asked is None and len(set(sizes)) > 1:
        return False
    graph.couple(ids.reshape(blocks, -1), ids[: len(ids) // blocks][None])
    return True


def _share(size: Any, ids: Tensor) -> Fraction | None:
    """Which share of these channels a size is, if it was computed from their number."""
    counts = isinstance(size, Extent) and set(size.of.tolist()) == set(ids.tolist())
    return size.share if counts else None


def _taken(graph: ChannelGraph, ids: Tensor, at: int, i: Any) -> tuple[Any, ...] | None:
    """How to index the numbers of channels where the tensor is indexed by `i`; None if that cannot follow."""
    if i == slice(None):
        return (slice(None),) * at + (i,)
    if ids.dim() > 1:  # an axis of groups keeps its length
        hold(graph, ids, at)
        return (slice(None),) * at + (i,)
    if isinstance(i, int) or i.step not in (None, 1):
        return None
    ends = [Fraction(0) if i.start is None else _share(i.start, ids), Fraction(1) if i.stop is None else None]
    ends[1] = ends[1] or _share(i.stop, ids)
    if ends[0] is None or ends[1] is None:
        return None
    blocks = math.lcm(ends[0].denominator, ends[1].denominator)
    graph.couple(ids.reshape(blocks, -1), ids[: len(ids) // blocks][None])
    return (i,)
