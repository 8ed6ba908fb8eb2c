"""Channels through operations that move numbers about: reshape, transpose, slices."""

import math
from typing import TYPE_CHECKING, Any

from torch import Tensor

from .flow_calls import Arguments, Call, Options

if TYPE_CHECKING:
    from .tracer import Tracer


def reshape(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Channels may absorb axes that follow them (flatten), but not be split or merged with the batch."""
    flow = tracer.flow(args[0]) if args else None
    if flow is None or not isinstance(result, Tensor) or result is args[0]:
        return False
    old, new, count = args[0].shape, result.shape, len(flow.ids)
    outer, inner = math.prod(old[: flow.axis]), math.prod(old[flow.axis + 1 :])
    for axis, size in enumerate(new):
        if math.prod(new[:axis]) == outer and size % count == 0 and (size > 1 or count == 1):
            times = size // count
            if times * math.prod(new[axis + 1 :]) == inner:
                held = flow.value.repeat_interleave(times)
                return tracer.put(result, axis, flow.ids.repeat_interleave(times), held)
    return False


def permute(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Axes in another order."""
    flow = tracer.flow(args[0]) if args else None
    if flow is None or options or result is args[0]:
        return False
    order = args[1] if isinstance(args[1], (list, tuple)) else args[1:]
    axis = [a % result.dim() for a in order].index(flow.axis)
    return tracer.put(result, axis, flow.ids, flow.value)


def transpose(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Two axes swapped."""
    flow = tracer.flow(args[0]) if args else None
    if flow is None or len(args) != 3 or result is args[0]:
        return False
    one, other = args[1] % result.dim(), args[2] % result.dim()
    return tracer.put(result, {one: other, other: one}.get(flow.axis, flow.axis), flow.ids, flow.value)


def getitem(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Slices of other axes, such as x[:, :, ::2, ::2]; a slice of channels is fixed in the code."""
    flow = tracer.flow(args[0]) if args else None
    index = args[1] if isinstance(args[1], tuple) else (args[1],)
    if flow is None or not all(isinstance(i, (slice, int)) and not isinstance(i, bool) for i in index):
        return False
    if flow.axis < len(index) and index[flow.axis] != slice(None):
        tracer.pin(flow.ids, "is sliced by channel numbers that are written in the code")
        return False
    axis = flow.axis - sum(isinstance(i, int) for i in index[: flow.axis])
    return tracer.put(result, axis, flow.ids, flow.value)
