"""Channels through convolutions and linear layers, which make them and read them."""

import torch
from torch import Tensor

from ..graph import ChannelGraph, Flow
from .call import Call, per_channel


def convolution(graph: ChannelGraph, call: Call) -> bool:
    """Ordinary convolutions make channels; depthwise ones work on each; other groups lose channels alike."""
    given = call.bound("input weight bias stride padding dilation groups")
    weight, bias, groups = given["weight"], given["bias"], given["groups"] or 1
    axis = given["input"].dim() - weight.dim() + 1
    flow = graph.flow(given["input"], axis)
    if flow is not None and flow.axis != axis:
        return False
    if flow is not None and 1 < groups == weight.shape[0] == len(flow.ids):
        if not graph.follow(flow, (weight, bias)):
            return False
        held = _depthwise(weight, bias, flow.value)
        held = torch.where(flow.value == 0, 0.0, held) if graph.bury else held
        return graph.put(call.result, axis, flow.ids, held)
    padding = given["padding"] or 0
    padded = padding != "valid" and (padding == "same" or bool(torch.tensor(padding).any()))
    flow = flow if groups == 1 or flow is None else _first_group(graph, flow, groups)
    if not graph.layer(flow, weight, bias, call.result, axis, _affine, padded=padded):
        return False
    if (made := graph.spread(call.result)) is not None and groups > 1:
        graph.couple(made.ids.reshape(groups, -1), made.ids[: len(made.ids) // groups][None])
    return True


def _first_group(graph: ChannelGraph, flow: Flow, groups: int) -> Flow:
    """What stands for the channels of every group: those of the first, which are zero where all are."""
    ids, value = flow.ids.reshape(groups, -1), flow.value.reshape(groups, -1)
    if ids.shape[1] == 1:
        graph.pin(ids, "is read by a grouped convolution with a group for each channel and several filters in it")
    graph.couple(ids, ids[:1])
    return Flow(flow.axes, ids[0], torch.where((value == 0).all(0), 0.0, float("nan")).double())


def transposed(graph: ChannelGraph, call: Call) -> bool:
    """Transposed convolutions have their filters on the second axis; only zeros stay constant through them."""
    given = call.bound("input weight bias stride padding output_padding groups dilation")
    weight = given["weight"]
    axis = given["input"].dim() - weight.dim() + 1
    flow = graph.flow(given["input"], axis)
    if (given["groups"] or 1) != 1 or (flow is not None and flow.axis != axis):
        return False
    return graph.layer(flow, weight, given["bias"], call.result, axis, _affine, padded=True, out_axis=1)


def linear(graph: ChannelGraph, call: Call) -> bool:
    """Linear layers read channels on the last axis."""
    given = call.bound("input weight bias")
    flow = graph.flow(given["input"])
    if flow is not None and flow.axis != given["input"].dim() - 1:
        return False
    axis = call.result.dim() - 1
    return graph.layer(flow, given["weight"], given["bias"], call.result, axis, _affine, padded=False)


def _affine(weight: Tensor, bias: Tensor | None, value: Tensor, *, padded: bool) -> Tensor:
    """What each output of `weight` (out, in, ...) holds if its inputs hold `value`: a constant, or nan."""
    varies = (value.isnan() | (value != 0) if padded else value.isnan()).to(weight.device)
    constant = ~(weight[:, varies] != 0).flatten(1).any(1)
    rows = weight[constant][:, ~varies].to("cpu", torch.float64)
    held = torch.full((len(weight),), float("nan"), dtype=torch.float64)
    held[constant.cpu()] = (
        rows.flatten(2).sum(2) @ value[~varies.cpu()] if rows.dim() > 2 else rows @ value[~varies.cpu()]
    )
    return held + (0.0 if bias is None else per_channel(bias))


def _depthwise(weight: Tensor, bias: Tensor | None, value: Tensor) -> Tensor:
    silent = per_channel((weight == 0).flatten(1).all(1)).bool() | (value == 0)
    return torch.where(silent, 0.0, float("nan")) + (0.0 if bias is None else per_channel(bias))
