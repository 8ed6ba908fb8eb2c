"""What each torch operation does to channels: one small rule per family, looked up by the function's name.

A rule notes the channels of the result on the tracer and returns True. Where it returns False the tracer pins the
channels, which is always safe: they are then neither pruned nor removed.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .tracing import Tracer

Call = Callable[..., Any]
Arguments = tuple[Any, ...]
Options = dict[str, Any]
Rule = Callable[["Tracer", Call, Arguments, Options, Any], bool]

LOST = "comes from a tensor whose channels cannot be followed"
_ALIASES = {
    "iadd": "add", "radd": "add", "isub": "sub", "imul": "mul", "rmul": "mul", "idiv": "div", "itruediv": "div",
    "truediv": "div", "rtruediv": "rdiv", "subtract": "sub", "multiply": "mul", "divide": "div",
    "true_divide": "div", "concat": "cat", "concatenate": "cat", "swapaxes": "transpose", "swapdims": "transpose",
}  # fmt: skip


def name_of(func: Call) -> str:
    """The bare name: `relu` for F.relu, torch.relu_ and Tensor.relu; `add` for + and +=."""
    name = str(getattr(func, "__name__", type(func).__name__))
    if name in ("__get__", "__set__"):
        return name
    bare = name.strip("_")
    return _ALIASES.get(bare, bare)


def _bound(names: str, args: Arguments, options: Options) -> dict[str, Any]:
    return {**dict.fromkeys(names.split()), **dict(zip(names.split(), args)), **options}


def affine(weight: Tensor, bias: Tensor | None, value: Tensor, *, padded: bool) -> Tensor:
    """What each output of `weight` (out, in, ...) holds if inputs hold `value`: a constant, or nan."""
    value = value.to(weight)
    varies = value.isnan() | (value != 0) if padded else value.isnan()
    flat = weight.flatten(2).sum(2) if weight.dim() > 2 else weight
    depends = (weight[:, varies] != 0).flatten(1).any(1)
    held = flat[:, ~varies] @ value[~varies]
    held = held if bias is None else held + bias
    return held.masked_fill(depends, float("nan")).float().cpu()


# --- layers with weights ----------------------------------------------------------------------------------------


def _convolution(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    call = _bound("input weight bias stride padding dilation groups", args, options)
    weight, bias, groups = call["weight"], call["bias"], call["groups"] or 1
    axis = call["input"].dim() - weight.dim() + 1
    flow = tracer.flow(call["input"])
    padding = call["padding"] or 0
    padded = padding == "same" or (padding != "valid" and any(torch.tensor(padding).flatten().tolist()))
    if flow is not None and flow.axis != axis:
        return False
    if (
        flow is not None
        and groups == weight.shape[0] == len(flow.ids)
        and weight.shape[1] == 1
        and groups > 1
    ):
        if not tracer.follow(call["weight"], flow.ids, flow.value, (weight, bias)):
            return False
        gives = torch.where(flow.value == 0, 0.0, float("nan")).to(weight)
        silent = (weight == 0).flatten(1).all(1)
        held = gives.masked_fill(silent, 0.0) + (0.0 if bias is None else bias)
        held = torch.where(flow.value.to(weight) == 0, 0.0, held) if tracer.bury else held
        return tracer.put(result, axis, flow.ids, held.float().cpu())
    if groups != 1:
        ids = tracer.fresh(
            result.shape[axis], "is made by a grouped convolution, whose groups must stay of equal size"
        )
        return flow is None and tracer.put(result, axis, ids, _varies(ids))
    return tracer.layer(flow, weight, bias, result, axis, padded=padded)


def _linear(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    call = _bound("input weight bias", args, options)
    flow, last = tracer.flow(call["input"]), call["input"].dim() - 1
    if flow is not None and flow.axis != last:
        return False
    return tracer.layer(flow, call["weight"], call["bias"], result, result.dim() - 1, padded=False)


def _batch_norm(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    call = _bound("input running_mean running_var weight bias training momentum eps", args, options)
    return _norm(tracer, call, result, own_statistics=bool(call["training"]) or call["running_mean"] is None)


def _instance_norm(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    call = _bound("input running_mean running_var weight bias use_input_stats momentum eps", args, options)
    return _norm(tracer, call, result, own_statistics=call["use_input_stats"] is not False)


def _norm(tracer: "Tracer", call: dict[str, Any], result: Any, *, own_statistics: bool) -> bool:
    """A norm that treats each channel by itself: (x - mean) / sqrt(var + eps) * gain + shift."""
    flow = tracer.flow(call["input"])
    if flow is None or flow.axis != 1:
        return False
    mean, var, gain, shift = (call[name] for name in ("running_mean", "running_var", "weight", "bias"))
    if not tracer.follow(gain, flow.ids, flow.value, (gain, shift), (mean, var)):
        return False
    held = flow.value
    if own_statistics:
        held = held * 0.0  # a constant is its own mean
    else:
        held = (held.to(mean) - mean) / torch.sqrt(var + (1e-5 if call["eps"] is None else call["eps"]))
    if gain is not None:
        held = torch.where(gain == 0, 0.0, held.to(gain) * gain)
    if shift is not None:
        held = held.to(shift) + shift
    held = held.float().cpu()
    if tracer.bury and gain is not None:
        held = torch.where(flow.value == 0, 0.0, held)
    return tracer.put(result, 1, flow.ids, held)


# --- operations that go through each channel by itself ----------------------------------------------------------


def _elementwise(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    flow = tracer.flow(args[0]) if args else None
    if flow is None:
        return False
    held = func(flow.value.clone(), *args[1:], **options)
    return tracer.put(result, flow.axis, flow.ids, held.to("cpu", torch.float32))


def _pool(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Pooling and resizing work on the trailing axes; the channels must lie before them."""
    flow = tracer.flow(args[0]) if args else None
    if flow is None or not isinstance(result, Tensor) or flow.axis != 1 or args[0].dim() < 3:
        return False
    return tracer.put(result, 1, flow.ids, _only_zeros(flow.value))


def _reduce(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    call = _bound("input dim keepdim", args, options)
    flow, ranks = tracer.flow(call["input"]), call["input"].dim()
    axes = call.get("axis") if call["dim"] is None else call["dim"]
    if flow is None or axes is None or not isinstance(result, Tensor):
        return False
    gone = {a % ranks for a in (axes if isinstance(axes, (list, tuple)) else [axes])}
    if flow.axis in gone or not gone:
        return False
    axis = flow.axis if call["keepdim"] else flow.axis - sum(a < flow.axis for a in gone)
    held = _only_zeros(flow.value) if name_of(func) == "sum" else flow.value
    return tracer.put(result, axis, flow.ids, held)


def _pad(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    call = _bound("input pad mode value", args, options)
    flow, pads = tracer.flow(call["input"]), list(call["pad"])
    if flow is None:
        return False
    first = call["input"].dim() - len(pads) // 2
    if flow.axis >= first:
        before, after = pads[2 * (call["input"].dim() - 1 - flow.axis) :][:2]
        if before or after:
            tracer.pin(flow.ids, "is padded to a number of channels that is written in the code (F.pad)")
            return False
    zeros = call["mode"] in (None, "constant") and not call["value"]
    held = _only_zeros(flow.value) if zeros or call["mode"] != "constant" else _varies(flow.ids)
    return tracer.put(result, flow.axis, flow.ids, held)


# --- operations that bring several tensors together -------------------------------------------------------------


def _binary(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Elementwise with broadcasting; channels that meet are coupled from then on."""
    if len(args) < 2:
        return False
    flows = [tracer.flow(arg) for arg in args[:2]]
    known = [flow for flow in flows if flow is not None]
    if not known:
        return False
    from_end = {flow.axis - arg.dim() for flow, arg in zip(flows, args) if flow is not None}
    if len(from_end) > 1:
        return False
    at = from_end.pop()
    if result.shape[at] != max(len(flow.ids) for flow in known):
        return False
    main = next(flow for flow in known if len(flow.ids) == result.shape[at])
    held: list[Any] = []
    for arg, flow in zip(args, flows):
        if flow is not None and len(flow.ids) == len(main.ids):
            tracer.couple(flow.ids, main.ids)
            held.append(flow.value)
        elif flow is not None:
            tracer.pin(flow.ids, "is one channel spread over many")
            held.append(flow.value.expand(len(main.ids)))
        elif isinstance(arg, Tensor):
            if arg.dim() >= -at and arg.shape[at] > 1:
                if id(arg) not in tracer.names:
                    tracer.pin(main.ids, "meets a tensor whose channels cannot be followed")
                elif not tracer.index(arg, arg.dim() + at, main.ids, "a factor"):
                    return False
            by_channel = arg.numel() in (1, len(main.ids)) and (arg.numel() == 1 or arg.shape[at] > 1)
            held.append(
                arg.flatten().expand(len(main.ids)).float().cpu() if by_channel else _varies(main.ids)
            )
        else:
            held.append(arg)
    value = func(*[h.clone() if isinstance(h, Tensor) else h for h in held], **options)
    if name_of(func) == "mul":
        for one in held:
            value = torch.where(torch.as_tensor(one) == 0, 0.0, value)
    if name_of(func) == "div":
        value = torch.where(torch.as_tensor(held[0]) == 0, 0.0, value)
    return tracer.put(result, result.dim() + at, main.ids, value)


def _cat(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    call = _bound("tensors dim", args, options)
    tensors = list(call["tensors"])
    flows = [tracer.flow(tensor) for tensor in tensors]
    along = (call["dim"] if call["dim"] is not None else options.get("axis", 0)) % result.dim()
    known = [flow for flow in flows if flow is not None]
    if not known or any(flow.axis != known[0].axis for flow in known):
        return False
    axis = known[0].axis
    if axis == along:
        ids, held = [], []
        for tensor, flow in zip(tensors, flows):
            new = tracer.fresh(tensor.shape[axis], LOST)
            ids.append(flow.ids if flow is not None else new)
            held.append(flow.value if flow is not None else _varies(new))
        return tracer.put(result, axis, torch.cat(ids), torch.cat(held))
    if len(known) < len(flows):
        return False
    held_all = known[0].value
    for flow in known[1:]:
        tracer.couple(known[0].ids, flow.ids)
        held_all = torch.where(held_all == flow.value, held_all, float("nan"))
    return tracer.put(result, axis, known[0].ids, held_all)


# --- operations that only change the shape ----------------------------------------------------------------------


def _reshape(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Channels may absorb axes that follow them (flatten), never be split or merged with the batch."""
    flow = tracer.flow(args[0]) if args else None
    if flow is None or not isinstance(result, Tensor):
        return False
    old, new, count = args[0].shape, result.shape, len(flow.ids)
    outer, inner = math.prod(old[: flow.axis]), math.prod(old[flow.axis + 1 :])
    for axis, size in enumerate(new):
        if math.prod(new[:axis]) == outer and size % count == 0 and (size > 1 or count == 1):
            times = size // count
            if times * math.prod(new[axis + 1 :]) == inner:
                ids, held = flow.ids.repeat_interleave(times), flow.value.repeat_interleave(times)
                return tracer.put(result, axis, ids, held)
    return False


def _permute(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    flow = tracer.flow(args[0]) if args else None
    if flow is None or options:
        return False
    order = args[1] if isinstance(args[1], (list, tuple)) else args[1:]
    return tracer.put(result, [a % result.dim() for a in order].index(flow.axis), flow.ids, flow.value)


def _transpose(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    flow = tracer.flow(args[0]) if args else None
    if flow is None or len(args) != 3:
        return False
    one, other = args[1] % result.dim(), args[2] % result.dim()
    return tracer.put(result, {one: other, other: one}.get(flow.axis, flow.axis), flow.ids, flow.value)


def _getitem(tracer: "Tracer", func: Call, args: Arguments, options: Options, result: Any) -> bool:
    """Slices of the other axes, such as x[:, :, ::2, ::2]; a slice of channels is fixed in the code."""
    flow = tracer.flow(args[0]) if args else None
    index = args[1] if isinstance(args[1], tuple) else (args[1],)
    if flow is None or not all(isinstance(i, (slice, int)) and not isinstance(i, bool) for i in index):
        return False
    if flow.axis < len(index) and index[flow.axis] != slice(None):
        tracer.pin(flow.ids, "is sliced by channel numbers that are written in the code")
        return False
    axis = flow.axis - sum(isinstance(i, int) for i in index[: flow.axis])
    return tracer.put(result, axis, flow.ids, flow.value)


def _varies(ids: Tensor) -> Tensor:
    return torch.full((len(ids),), float("nan"))


def _only_zeros(value: Tensor) -> Tensor:
    """Averaging with padding, sums and resizing keep a zero a zero, but not every constant the same."""
    return torch.where(value == 0, 0.0, float("nan"))


_FAMILIES: dict[str, Rule] = {
    "conv1d conv2d conv3d": _convolution,
    "linear": _linear,
    "batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
    "relu relu6 leaky_relu elu selu celu gelu silu mish hardswish hardsigmoid hardtanh sigmoid tanh softplus softsign "
    "logsigmoid threshold abs neg exp sqrt square pow clamp clamp_min clamp_max dropout dropout1d dropout2d dropout3d "
    "alpha_dropout feature_alpha_dropout contiguous clone detach float double half bfloat16 to cpu "
    "positive alias": _elementwise,
    "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d "
    "adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d interpolate": _pool,
    "mean sum amax amin": _reduce,
    "pad": _pad,
    "add sub rsub mul div rdiv maximum minimum": _binary,
    "cat": _cat,
    "flatten view reshape squeeze unsqueeze unflatten": _reshape,
    "permute": _permute,
    "transpose": _transpose,
    "getitem": _getitem,
}
RULES: dict[str, Rule] = {name: rule for names, rule in _FAMILIES.items() for name in names.split()}
"""Bare function name -> what it does to channels."""
