"""Channels through operations without weights: activations, pooling, sums, concatenation."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .flow_calls import LOST, Arguments, Call, Options, bound, name_of, only_zeros, varies

if TYPE_CHECKING:
    from .tracer import Tracer


def elementwise(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """A function of one tensor alone: what it makes of a constant is seen by calling it on the
    constants."""
    flow = tracer.flow(args[0]) if args else None
    if flow is None or any(isinstance(other, Tensor) for other in (*args[1:], *options.values())):
        return False
    held = func(flow.value.clone(), *args[1:], **options)
    return tracer.put(result, flow.axis, flow.ids, held)


def dropout(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """The identity in eval mode; a call that always drops (F.dropout without training=) still keeps
    zeros."""
    call = bound("input p training", args, options)
    flow = tracer.flow(call["input"])
    if flow is None:
        return False
    held = flow.value if call["training"] is False else only_zeros(flow.value)
    return tracer.put(result, flow.axis, flow.ids, held)


def pool(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Pooling and resizing work on the axes after the channels."""
    flow = tracer.flow(args[0]) if args else None
    if flow is None or not isinstance(result, Tensor) or flow.axis != 1 or args[0].dim() < 3:
        return False
    averages_padding = name_of(func).startswith("avg_pool")
    return tracer.put(result, 1, flow.ids, only_zeros(flow.value) if averages_padding else flow.value)


def reduce(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Means and sums over other axes than that of the channels."""
    call = bound("input dim keepdim", args, options)
    flow, axes = tracer.flow(call["input"]), options.get("axis", call["dim"])
    if flow is None or axes is None or not isinstance(result, Tensor):
        return False
    gone = {a % call["input"].dim() for a in (axes if isinstance(axes, (list, tuple)) else [axes])}
    if flow.axis in gone or not gone:
        return False
    axis = flow.axis if call["keepdim"] else flow.axis - sum(a < flow.axis for a in gone)
    held = only_zeros(flow.value) if name_of(func) == "sum" else flow.value
    return tracer.put(result, axis, flow.ids, held)


def pad(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Padding of other axes; how many channels are added (ResNet's shortcut A) is fixed in the code."""
    call = bound("input pad mode value", args, options)
    flow, pads = tracer.flow(call["input"]), list(call["pad"])
    if flow is None:
        return False
    from_end = call["input"].dim() - 1 - flow.axis
    if any(pads[2 * from_end : 2 * from_end + 2]):
        tracer.pin(flow.ids, "is padded to a number of channels that is written in the code (F.pad)")
        return False
    held = flow.value
    if call["mode"] in (None, "constant"):
        held = varies(flow.ids) if call["value"] else only_zeros(flow.value)
    return tracer.put(result, flow.axis, flow.ids, held)


def binary(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Sums, products and the like, with broadcasting; channels that meet are coupled from then on."""
    flows = [tracer.flow(arg) for arg in args[:2]]
    known = {flow.axis - arg.dim(): flow for arg, flow in zip(args, flows) if flow is not None}
    if len(args) < 2 or len(known) != 1:  # channels on two different axes: nothing we understand
        return False
    (at,) = known  # the channel axis, counted from the end
    ids = max((flow.ids for flow in flows if flow is not None), key=len)
    if result.shape[at] != len(ids):
        return False
    held: list[Any] = []
    for arg, flow in zip(args, flows):
        if flow is None:
            held.append(_meets(tracer, arg, at, ids) if isinstance(arg, Tensor) else arg)
        else:
            if len(flow.ids) == len(ids):
                tracer.couple(flow.ids, ids)
            else:
                tracer.pin(flow.ids, "is one channel that is spread over many")
            held.append(flow.value.expand(len(ids)))
    value = func(*[one.clone() if isinstance(one, Tensor) else one for one in held], **options)
    for absorbing in {"mul": held, "div": held[:1]}.get(name_of(func), []):
        value = torch.where(torch.as_tensor(absorbing) == 0, 0.0, value)
    return tracer.put(result, result.dim() + at, ids, value)


def _meets(tracer: "Tracer", other: Tensor, at: int, ids: Tensor) -> Tensor:
    """Channels meet a tensor that is not followed; if it is a parameter, it is indexed by them. Its
    values."""
    by_channel = other.dim() >= -at and other.shape[at] > 1
    if by_channel and not tracer.index(other, other.dim() + at, ids):
        tracer.pin(ids, "meets " + LOST.removeprefix("comes from "))
    if other.numel() == 1 or (by_channel and other.numel() == len(ids)):
        return other.detach().flatten().expand(len(ids)).to("cpu", torch.float64)
    return varies(ids)


def cat(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Channels side by side; or, along another axis, the same channels again."""
    call = bound("tensors dim", args, options)
    tensors = list(call["tensors"])
    along = options.get("axis", call["dim"] or 0) % result.dim()
    flows = [tracer.flow(tensor) for tensor in tensors]
    axes = {flow.axis for flow in flows if flow is not None}
    if len(axes) != 1 or (along not in axes and None in flows):
        return False
    if along in axes:
        parts = [tracer.fresh(t.shape[along], LOST) if f is None else f.ids for t, f in zip(tensors, flows)]
        values = [varies(ids) if f is None else f.value for ids, f in zip(parts, flows)]
        return tracer.put(result, along, torch.cat(parts), torch.cat(values))
    first, *others = (flow for flow in flows if flow is not None)
    held = first.value
    for flow in others:
        tracer.couple(first.ids, flow.ids)
        held = torch.where(held == flow.value, held, float("nan"))
    return tracer.put(result, first.axis, first.ids, held)
