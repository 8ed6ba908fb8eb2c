"""Channels through convolutions, linear layers and norms: who makes them, who reads them, who works on
each."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .flow_calls import Arguments, Call, Options, bound

if TYPE_CHECKING:
    from .tracer import Tracer


def convolution(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Ordinary convolutions make channels; depthwise ones work on each; other groups must stay of equal
    size."""
    call = bound("input weight bias stride padding dilation groups", args, options)
    weight, bias, groups = call["weight"], call["bias"], call["groups"] or 1
    flow, axis = tracer.flow(call["input"]), call["input"].dim() - weight.dim() + 1
    if flow is not None and flow.axis != axis:
        return False
    if flow is not None and 1 < groups == weight.shape[0] == len(flow.ids):
        if not tracer.follow(flow, (weight, bias)):
            return False
        held = _depthwise(weight, bias, flow.value)
        held = torch.where(flow.value == 0, 0.0, held) if tracer.bury else held
        return tracer.put(result, axis, flow.ids, held)
    if groups != 1:
        if flow is not None:
            tracer.pin(flow.ids, "is read by a grouped convolution, whose groups must stay of equal size")
        return False
    padding = call["padding"] or 0
    padded = padding != "valid" and (padding == "same" or bool(torch.tensor(padding).any()))
    return tracer.layer(flow, weight, bias, result, axis, _affine, padded=padded)


def linear(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Linear layers read channels on the last axis."""
    call = bound("input weight bias", args, options)
    flow = tracer.flow(call["input"])
    if flow is not None and flow.axis != call["input"].dim() - 1:
        return False
    axis = result.dim() - 1
    return tracer.layer(flow, call["weight"], call["bias"], result, axis, _affine, padded=False)


def batch_norm(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Batch normalisation, with running statistics or those of the batch."""
    call = bound("input running_mean running_var weight bias training momentum eps", args, options)
    return _norm(tracer, call, result, own_statistics=bool(call["training"]) or call["running_mean"] is None)


def instance_norm(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Instance normalisation, by default with the statistics of each image."""
    call = bound("input running_mean running_var weight bias use_input_stats momentum eps", args, options)
    return _norm(tracer, call, result, own_statistics=call["use_input_stats"] is not False)


def _norm(tracer: "Tracer", call: dict[str, Any], result: Any, *, own_statistics: bool) -> bool:
    """A norm that treats each channel by itself: (x - mean) / sqrt(var + eps) * gain + shift."""
    flow = tracer.flow(call["input"])
    mean, var, gain, shift = (call[name] for name in ("running_mean", "running_var", "weight", "bias"))
    if flow is None or flow.axis != 1 or not tracer.follow(flow, (gain, shift), (mean, var)):
        return False
    if own_statistics:
        held = flow.value * 0.0  # a constant is its own mean
    else:
        eps = 1e-5 if call["eps"] is None else call["eps"]
        held = (flow.value - _vector(mean)) / torch.sqrt(_vector(var) + eps)
    if gain is not None:
        held = torch.where(_vector(gain) == 0, 0.0, held * _vector(gain))
    if shift is not None:
        held = held + _vector(shift)
    if tracer.bury and gain is not None:
        held = torch.where(flow.value == 0, 0.0, held)
    return tracer.put(result, 1, flow.ids, held)


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
