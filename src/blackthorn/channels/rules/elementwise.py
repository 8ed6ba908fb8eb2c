"""Channels through operations that keep each channel apart: activations, pooling, means, padding, sums and products."""

from typing import Any

import torch
from torch import Tensor

from ..graph import LOST, ChannelGraph, varies
from .call import Call, only_zeros


def elementwise(graph: ChannelGraph, call: Call) -> bool:
    """A function of one tensor alone: what it makes of a constant is seen by calling it on the constants."""
    flow = call.flow(graph)
    if flow is None or any(isinstance(other, Tensor) for other in (*call.args[1:], *call.options.values())):
        return False
    held = call.func(flow.value.clone(), *call.args[1:], **call.options)
    return graph.put(call.result, flow.axis, flow.ids, held)


def dropout(graph: ChannelGraph, call: Call) -> bool:
    """The identity in eval mode; a call that always drops (F.dropout without training=) still keeps zeros."""
    given = call.bound("input p training")
    flow = graph.flow(given["input"])
    if flow is None:
        return False
    drops = given["training"] is not False
    held = only_zeros(flow.value) if drops else flow.value
    if drops and "alpha" in call.name:  # what it drops is not set to zero
        held = varies(flow.ids)
    return graph.put(call.result, flow.axis, flow.ids, held)


def prelu(graph: ChannelGraph, call: Call) -> bool:
    """A slope for each channel, or one for all; zero stays zero."""
    given = call.bound("input weight")
    flow, slopes = graph.flow(given["input"]), given["weight"]
    if flow is None or (slopes.numel() > 1 and (flow.axis != 1 or not graph.index(slopes, 0, flow.ids))):
        return False
    return graph.put(call.result, flow.axis, flow.ids, only_zeros(flow.value))


def pool(graph: ChannelGraph, call: Call) -> bool:
    """Pooling and resizing work on the axes after the channels."""
    flow = call.flow(graph)
    if flow is None or not isinstance(call.result, Tensor) or flow.axis != 1 or call.args[0].dim() < 3:
        return False
    averages_padding = call.name.startswith("avg_pool")
    return graph.put(call.result, 1, flow.ids, only_zeros(flow.value) if averages_padding else flow.value)


def reduce(graph: ChannelGraph, call: Call) -> bool:
    """Means and sums over other axes than that of the channels."""
    given = call.bound("input dim keepdim")
    flow, axes = graph.flow(given["input"]), call.options.get("axis", given["dim"])
    if flow is None or axes is None or not isinstance(call.result, Tensor):
        return False
    gone = {a % given["input"].dim() for a in (axes if isinstance(axes, (list, tuple)) else [axes])}
    if flow.axis in gone or not gone:
        return False
    axis = flow.axis if given["keepdim"] else flow.axis - sum(a < flow.axis for a in gone)
    held = only_zeros(flow.value) if call.name == "sum" else flow.value
    return graph.put(call.result, axis, flow.ids, held)


def pad(graph: ChannelGraph, call: Call) -> bool:
    """Padding of other axes; how many channels are added (ResNet's shortcut A) is fixed in the code."""
    given = call.bound("input pad mode value")
    flow, pads = graph.flow(given["input"]), list(given["pad"])
    if flow is None:
        return False
    from_end = given["input"].dim() - 1 - flow.axis
    if any(pads[2 * from_end : 2 * from_end + 2]):
        graph.pin(flow.ids, "is padded to a number of channels that is written in the code (F.pad)")
        return False
    held = flow.value
    if given["mode"] in (None, "constant"):
        held = varies(flow.ids) if given["value"] else only_zeros(flow.value)
    return graph.put(call.result, flow.axis, flow.ids, held)


def binary(graph: ChannelGraph, call: Call) -> bool:
    """Sums, products and the like, with broadcasting; channels that meet are coupled from then on."""
    args, result = call.args, call.result
    flows = [graph.flow(arg) for arg in args[:2]]
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
            held.append(_meets(graph, arg, at, ids) if isinstance(arg, Tensor) else arg)
        else:
            if len(flow.ids) == len(ids):
                graph.couple(flow.ids, ids)
            else:
                graph.pin(flow.ids, "is one channel that is spread over many")
            held.append(flow.value.expand(len(ids)))
    value = call.func(*[one.clone() if isinstance(one, Tensor) else one for one in held], **call.options)
    for absorbing in {"mul": held, "div": held[:1]}.get(call.name, []):
        value = torch.where(torch.as_tensor(absorbing) == 0, 0.0, value)
    return graph.put(result, result.dim() + at, ids, value)


def _meets(graph: ChannelGraph, other: Tensor, at: int, ids: Tensor) -> Tensor:
    """What a tensor that is not followed holds for each channel that meets it; a parameter is indexed by them."""
    by_channel = other.dim() >= -at and other.shape[at] > 1
    if by_channel and not graph.index(other, other.dim() + at, ids):
        graph.pin(ids, "meets " + LOST.removeprefix("comes from "))
    if other.numel() == 1 or (by_channel and other.numel() == len(ids)):
        return other.detach().flatten().expand(len(ids)).to("cpu", torch.float64)
    return varies(ids)
