"""Channels through convolutions and linear layers, which make them and read them, and norms, which work on each."""

from typing import Any

import torch
from torch import Tensor

from ..graph import ChannelGraph
from .call import Call


def convolution(graph: ChannelGraph, call: Call) -> bool:
    """Ordinary convolutions make channels; depthwise ones work on each; other groups must stay of equal size."""
    given = call.bound("input weight bias stride padding dilation groups")
    weight, bias, groups = given["weight"], given["bias"], given["groups"] or 1
    flow, axis = graph.flow(given["input"]), given["input"].dim() - weight.dim() + 1
    if flow is not None and flow.axis != axis:
        return False
    if flow is not None and 1 < groups == weight.shape[0] == len(flow.ids):
        if not graph.follow(flow, (weight, bias)):
            return False
        held = _depthwise(weight, bias, flow.value)
        held = torch.where(flow.value == 0, 0.0, held) if graph.bury else held
        return graph.put(call.result, axis, flow.ids, held)
    if groups != 1:
        if flow is not None:
            graph.pin(flow.ids, "is read by a grouped convolution, whose groups must stay of equal size")
        return False
    padding = given["padding"] or 0
    padded = padding != "valid" and (padding == "same" or bool(torch.tensor(padding).any()))
    return graph.layer(flow, weight, bias, call.result, axis, _affine, padded=padded)


def transposed(graph: ChannelGraph, call: Call) -> bool:
    """Transposed convolutions have their filters on the second axis; only zeros stay constant through them."""
    given = call.bound("input weight bias stride padding output_padding groups dilation")
    weight, flow = given["weight"], graph.flow(given["input"])
    axis = given["input"].dim() - weight.dim() + 1
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


def batch_norm(graph: ChannelGraph, call: Call) -> bool:
    """Batch normalisation, with running statistics or those of the batch."""
    given = call.bound("input running_mean running_var weight bias training momentum eps")
    return _norm(graph, given, call.result, own_statistics=bool(given["training"]) or given["running_mean"] is None)


def instance_norm(graph: ChannelGraph, call: Call) -> bool:
    """Instance normalisation, by default with the statistics of each image."""
    given = call.bound("input running_mean running_var weight bias use_input_stats momentum eps")
    return _norm(graph, given, call.result, own_statistics=given["use_input_stats"] is not False)


def _norm(graph: ChannelGraph, given: dict[str, Any], result: Tensor, *, own_statistics: bool) -> bool:
    """A norm that treats each channel by itself: (x - mean) / sqrt(var + eps) * gain + shift."""
    flow = graph.flow(given["input"])
    mean, var, gain, shift = (given[name] for name in ("running_mean", "running_var", "weight", "bias"))
    if flow is None or flow.axis != 1 or not graph.follow(flow, (gain, shift), (mean, var)):
        return False
    if own_statistics:
        held = flow.value * 0.0  # a constant is its own mean
    else:
        eps = 1e-5 if given["eps"] is None else given["eps"]
        held = (flow.value - _vector(mean)) / torch.sqrt(_vector(var) + eps)
    if gain is not None:
        held = torch.where(_vector(gain) == 0, 0.0, held * _vector(gain))
    if shift is not None:
        held = held + _vector(shift)
    if graph.bury and gain is not None:
        held = torch.where(flow.value == 0, 0.0, held)
    return graph.put(result, 1, flow.ids, held)


def _affine(weight: Tensor, bias: Tensor | None, value: Tensor, *, padded: bool) -> Tensor:
    """What each output of `weight` (out, in, ...) holds if its inputs hold `value`: a constant, or nan."""
    varies = (value.isnan() | (value != 0) if padded else value.isnan()).to(weight.device)
    constant = ~(weight[:, varies] != 0).flatten(1).any(1)
    rows = weight[constant][:, ~varies].to("cpu", torch.float64)
    held = torch.full((len(weight),), float("nan"), dtype=torch.float64)
    held[constant.cpu()] = (
        rows.flatten(2).sum(2) @ value[~varies.cpu()] if rows.dim() > 2 else rows @ value[~varies.cpu()]
    )
    return held + (0.0 if bias is None else _vector(bias))


def _depthwise(weight: Tensor, bias: Tensor | None, value: Tensor) -> Tensor:
    silent = _vector((weight == 0).flatten(1).all(1)).bool() | (value == 0)
    return torch.where(silent, 0.0, float("nan")) + (0.0 if bias is None else _vector(bias))


def _vector(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float64)
