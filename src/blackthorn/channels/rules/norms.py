"""Channels through norms: those that treat each channel by itself, and LayerNorm, which zeros pass unseen."""

from typing import Any

import torch
from torch import Tensor

from ..graph import ChannelGraph, varies
from .call import Call, only_zeros, per_channel


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
    flow = graph.flow(given["input"], 1)
    mean, var, gain, shift = (given[name] for name in ("running_mean", "running_var", "weight", "bias"))
    if flow is None or flow.axis != 1 or not graph.follow(flow, (gain, shift), (mean, var)):
        return False
    if own_statistics:
        held = flow.value * 0.0  # a constant is its own mean
    else:
        eps = 1e-5 if given["eps"] is None else given["eps"]
        held = (flow.value - per_channel(mean)) / torch.sqrt(per_channel(var) + eps)
    if gain is not None:
        held = torch.where(per_channel(gain) == 0, 0.0, held * per_channel(gain))
    if shift is not None:
        held = held + per_channel(shift)
    if graph.bury and gain is not None:
        held = torch.where(flow.value == 0, 0.0, held)
    return graph.put(result, 1, flow.ids, held)


def layer_norm(graph: ChannelGraph, call: Call) -> bool:
    """A norm over the channels, on the last axis. Channels that are zero may go: `PartialLayerNorm` counts them on."""
    partial = call.name == "partial_layer_norm"
    given = call.bound(f"input {'whole' if partial else 'normalized_shape'} weight bias eps")
    flow, gain, shift = graph.flow(given["input"]), given["weight"], given["bias"]
    if flow is None:
        return False
    size = [given["whole"]] if partial else given["normalized_shape"]
    if flow.axis != given["input"].dim() - 1:  # statistics of each channel by itself, or of all of them
        return len(size) < given["input"].dim() - flow.axis and graph.put(
            call.result, flow.axis, flow.ids, only_zeros(flow.value) if gain is None else varies(flow.ids)
        )
    if len(size) != 1 or id(gain) not in graph.partial or not graph.follow(flow, (gain, shift)):
        return False
    graph.add_up(flow.ids, flow.value)
    held = torch.where(per_channel(gain) == 0, 0.0, float("nan"))
    held = held if shift is None else held + per_channel(shift)
    held = torch.where(flow.value == 0, 0.0, held) if graph.bury else held
    return graph.put(call.result, flow.axis, flow.ids, held)
