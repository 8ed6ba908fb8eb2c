"""Channels through operations that keep each channel apart: activations, pooling, means, sums and products."""

from typing import Any

import torch
from torch import Tensor

from ..extent import Extent
from ..graph import LOST, ChannelGraph, Flow, varies
from ..lines import line_of_caller
from .call import Call, axes_of, only_zeros
from .reshape import hold
from .views import touched


def elementwise(graph: ChannelGraph, call: Call) -> bool:
    """A function of one tensor alone: what it makes of a constant is seen by calling it on the constants."""
    flow = call.spread(graph)
    if any(isinstance(other, Tensor) for other in (*call.args[1:], *call.options.values())):
        return False
    if flow is None:
        return touched(graph, call)
    held = call.func(flow.value.clone(), *call.args[1:], **call.options)
    return graph.put(call.result, flow.axes, flow.ids, held)


def dropout(graph: ChannelGraph, call: Call) -> bool:
    """The identity in eval mode; a call that always drops (F.dropout without training=) still keeps zeros."""
    given = call.bound("input p training")
    flow = graph.spread(given["input"])
    if flow is None:
        return False
    drops = given["training"] is not False
    held = only_zeros(flow.value) if drops else flow.value
    if drops and "alpha" in call.name:  # what it drops is not set to zero
        held = varies(flow.ids)
    return graph.put(call.result, flow.axes, flow.ids, held)


def prelu(graph: ChannelGraph, call: Call) -> bool:
    """A slope for each channel, or one for all; zero stays zero."""
    given = call.bound("input weight")
    flow, slopes = graph.flow(given["input"]), given["weight"]
    if flow is None or (slopes.numel() > 1 and (flow.axis != 1 or not graph.index(slopes, 0, flow.ids))):
        return False
    return graph.put(call.result, flow.axis, flow.ids, only_zeros(flow.value))


def masked_fill(graph: ChannelGraph, call: Call) -> bool:
    """Entries that a mask replaces; the mask is the same for all channels."""
    given = call.bound("input mask value")
    flow, mask = graph.spread(given["input"]), given["mask"]
    if flow is None or graph.spread(mask) is not None:
        return False
    backwards = [axis - call.result.dim() for axis in flow.axes]
    if any(mask.dim() >= -at and mask.shape[at] > 1 for at in backwards):
        return False
    return graph.put(call.result, flow.axes, flow.ids, varies(flow.ids))


def pool(graph: ChannelGraph, call: Call) -> bool:
    """Pooling and resizing work on the axes after the channels."""
    flow = graph.flow(call.args[0], 1) if call.args else None
    if flow is None or not isinstance(call.result, Tensor) or flow.axis != 1 or call.args[0].dim() < 3:
        return False
    averages_padding = call.name.startswith("avg_pool")
    return graph.put(call.result, 1, flow.ids, only_zeros(flow.value) if averages_padding else flow.value)


def reduce(graph: ChannelGraph, call: Call) -> bool:
    """Means and sums over other axes, or over groups of channels; a sum over all channels may miss those that are 0."""
    given = call.bound("input dim keepdim")
    flow, dims = graph.spread(given["input"]), call.options.get("axis", given["dim"])
    if flow is None or dims is None or not isinstance(call.result, Tensor):
        return False
    gone = axes_of(dims, given["input"])
    if not gone or (gone >= set(flow.axes) and call.name != "sum"):
        return False
    if gone >= set(flow.axes):
        graph.add_up(flow.ids, flow.value)
        return True
    ids, value = flow.ids, only_zeros(flow.value) if call.name == "sum" else flow.value
    for axis in sorted(gone & set(flow.axes), reverse=True):
        at = flow.axes.index(axis)
        hold(graph, ids, at)
        ids, value = ids.select(at, 0), torch.where((value == 0).all(at), 0.0, float("nan")).double()
    axes = tuple(a if given["keepdim"] else a - sum(b < a for b in gone) for a in flow.axes if a not in gone)
    return graph.put(call.result, axes, ids, value)


def softmax(graph: ChannelGraph, call: Call) -> bool:
    """Shares along another axis than that of the channels, such as the tokens of each attention head."""
    given = call.bound("input dim")
    flow = graph.spread(given["input"])
    if flow is None or given["dim"] is None or axes_of(given["dim"], given["input"]) & set(flow.axes):
        return False
    return graph.put(call.result, flow.axes, flow.ids, varies(flow.ids))


def normalize(graph: ChannelGraph, call: Call) -> bool:
    """Divided by a norm over the channels, to which zeros add nothing, or over other axes."""
    given = call.bound("input p dim eps")
    flow, dim = graph.spread(given["input"]), 1 if given["dim"] is None else given["dim"]
    if flow is None:
        return False
    if axes_of(dim, given["input"]) & set(flow.axes):
        graph.add_up(flow.ids, flow.value)
    return graph.put(call.result, flow.axes, flow.ids, only_zeros(flow.value))


def pad(graph: ChannelGraph, call: Call) -> bool:
    """Padding of other axes; or of channels, by constants that stay, since the code says how many there are."""
    given = call.bound("input pad mode value")
    flow, pads = graph.flow(given["input"]), list(given["pad"])
    if flow is None:
        return False
    constant, fill = given["mode"] in (None, "constant"), given["value"] or 0.0
    from_end = given["input"].dim() - 1 - flow.axis
    around = pads[2 * from_end : 2 * from_end + 2] or [0, 0]
    others = any(pads[: 2 * from_end]) or any(pads[2 * from_end + 2 :])
    ids, held = flow.ids, flow.value
    if others and constant:
        held = torch.where(held == fill, held, float("nan"))
    if any(around):
        if not constant or min(around) < 0:
            return False
        written = f"is padded with a number of channels that is written in the code{line_of_caller()}"
        before, after = (graph.fresh(count, written) for count in around)
        ids = torch.cat([before, ids, after])
        held = torch.cat([torch.full(before.shape, fill).to(held), held, torch.full(after.shape, fill).to(held)])
    return graph.put(call.result, flow.axis, ids, held)


def binary(graph: ChannelGraph, call: Call) -> bool:
    """Sums, products and the like, with broadcasting; channels that meet are coupled from then on."""
    args, result = call.args[:2], call.result
    flows = [graph.spread(arg) for arg in args]
    if not any(flows):
        return touched(graph, call)
    spans = {tuple(one - arg.dim() for one in flow.axes) for arg, flow in zip(args, flows) if flow is not None}
    if len(args) < 2 or len(spans) != 1:  # channels on two different axes: nothing we understand
        return False
    (span,) = spans  # the channel axes, counted from the end
    most = max((flow for flow in flows if flow is not None), key=lambda flow: flow.ids.numel())
    ids = most.ids
    if [result.shape[at] for at in span] != list(ids.shape):
        return False
    zero = torch.stack([flow.value.expand(ids.shape) == 0 for flow in flows if flow is not None]).all(0)
    held: list[Any] = []
    for arg, flow in zip(args, flows):
        if flow is None and isinstance(arg, Tensor):
            idle = zero if call.name in ("add", "sub") else torch.zeros_like(zero)
            known = len(span) == 1 and meets(graph, arg, span[0], most, idle)
            held.append(known if isinstance(known, Tensor) else _alike(graph, arg, span, ids))
        elif flow is None:
            if isinstance(arg, Extent):  # what is computed with the number of channels changes as that does
                graph.pin(arg.of, f"is counted, and the number computed with{line_of_caller()}")
            held.append(arg)
        else:
            if flow.ids.shape == ids.shape:
                graph.couple(flow.ids, ids)
            else:
                graph.pin(flow.ids, "is one channel that is spread over many")
            held.append(flow.value.expand(ids.shape))
    value = call.func(*[one.clone() if isinstance(one, Tensor) else one for one in held], **call.options)
    for absorbing in {"mul": held, "div": held[:1]}.get(call.name, []):
        value = torch.where(torch.as_tensor(absorbing) == 0, 0.0, value)
    return graph.put(result, tuple(result.dim() + at for at in span), ids, value)


def meets(graph: ChannelGraph, other: Tensor, at: int, flow: Flow, idle: Tensor) -> Tensor:
    """What a tensor that is not followed holds for each channel that meets it; a parameter is indexed by them.

    Args:
        graph: notes it.
        other: a parameter, a view of one, or any other tensor.
        at: axis of the channels, counted from the end.
        flow: the channels.
        idle: for which of them a parameter is added to nothing but zeros.
    """
    ids = flow.ids
    by_channel = other.dim() >= -at and other.shape[at] > 1
    if not by_channel:
        return other.detach().flatten().expand(len(ids)).to("cpu", torch.float64) if other.numel() == 1 else varies(ids)
    axis = other.dim() + at
    if not graph.index(other, axis, ids):
        graph.pin(ids, "meets " + LOST.removeprefix("comes from "))
    rows = other.detach().movedim(axis, 0).unsqueeze(-1).flatten(1).to("cpu", torch.float64)
    if len(rows) != len(ids):
        return varies(ids)
    held = torch.where((rows == rows[:, :1]).all(1), rows[:, 0], float("nan"))
    learnt = graph.silence(other, axis, idle)
    return torch.where(idle, 0.0, held) if graph.bury and learnt else held


def _alike(graph: ChannelGraph, other: Tensor, span: tuple[int, ...], ids: Tensor) -> Tensor:
    """The same for channels on several axes, which such a tensor must treat alike."""
    if any(other.dim() >= -at and other.shape[at] > 1 for at in span):
        graph.pin(ids, "meets " + LOST.removeprefix("comes from "))
    return varies(ids)
