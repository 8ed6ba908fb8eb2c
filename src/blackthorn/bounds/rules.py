"""What each call of a network is made of: one rule for a function's name, one for a module's type."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .affine import Affine
from .call import Call, Rule
from .joints import Reshape, Sum
from .maps import Average, Convolution, Dense, Scale
from .piecewise import MaxPool, Relu


def linear(call: Call, dtype: torch.dtype) -> None:
    """A linear layer on flat features."""
    given = call.given("input weight bias")
    _dense(call, given["weight"], given["bias"], dtype)


def convolution(call: Call, dtype: torch.dtype) -> None:
    """A convolution over one or two axes."""
    given = call.given("input weight bias stride padding dilation groups")
    given |= {name: value for name, value in _CONVOLUTION.items() if given[name] is None}
    _convolve(call, given.pop("weight"), given.pop("bias"), dtype, **{name: given[name] for name in _CONVOLUTION})


def batch_norm(call: Call, dtype: torch.dtype) -> None:
    """Batch normalisation with running statistics."""
    given = call.given("input running_mean running_var weight bias training momentum eps")
    if given["training"] or given["running_mean"] is None:
        raise call.refuse("takes the statistics of the batch, whose images then depend on each other")
    statistics = given["running_mean"], given["running_var"]
    _normalise(call, *statistics, given["weight"], given["bias"], 1e-5 if given["eps"] is None else given["eps"], dtype)


def relu(call: Call, dtype: torch.dtype) -> None:
    """The positive part."""
    del dtype
    call.put(Relu(), shape=call.out)


def max_pool(call: Call, dtype: torch.dtype) -> None:
    """Max pooling over one or two axes."""
    del dtype
    given = call.given("input kernel_size stride padding dilation ceil_mode return_indices")
    _largest(call, given)


def average_pool(call: Call, dtype: torch.dtype) -> None:
    """Average pooling over one or two axes."""
    del dtype
    given = call.given("input kernel_size stride padding ceil_mode count_include_pad divisor_override")
    _average(call, given)


def adaptive_average(call: Call, dtype: torch.dtype) -> None:
    """Averages over as many windows as there shall be outputs."""
    del dtype
    if len(call.into) not in (2, 3) or len(call.out) != len(call.into):
        raise call.refuse()
    windows = [-(-side // out) + 1 for side, out in zip(call.into[1:], call.out[1:])]
    flat = len(call.into) == 2
    size = (1, call.out[1]) if flat else (call.out[1], call.out[2])
    _in_two_axes(
        call, lambda into: Affine(Average(_Adaptive(*size), into, math.prod(windows), math.prod(windows) ** 2))
    )


def mean(call: Call, dtype: torch.dtype) -> None:
    """The mean over all places of an image."""
    del dtype
    given = call.given("input dim keepdim")
    dims = given["dim"] if isinstance(given["dim"], (list, tuple)) else [given["dim"]]
    axes = {one % (len(call.into) + 1) for one in dims if isinstance(one, int)}
    if len(call.into) != 3 or axes != {2, 3}:
        raise call.refuse("over other axes than height and width has no bounds, so it")
    channels, height, width = call.into
    call.put(Affine(Average(_Adaptive(1, 1), call.into, height * width, 1)), *_first(call), shape=(channels, 1, 1))
    if call.out != (channels, 1, 1):
        call.put(Reshape((channels, 1, 1), call.out), shape=call.out)


def reshape(call: Call, dtype: torch.dtype) -> None:
    """The same numbers of each image in another shape."""
    del dtype
    if math.prod(call.into) != math.prod(call.out):
        raise call.refuse("mixes the images of a batch")
    call.put(Reshape(call.into, call.out), shape=call.out)


def nothing(call: Call, dtype: torch.dtype) -> None:
    """Dropout in eval mode and the like, which change no value."""
    del dtype
    if not torch.equal(call.result, call.args[0]) or call.result.dtype != call.args[0].dtype:
        raise call.refuse("changes its input in eval mode, which has no bounds")
    call.put(Reshape(call.into, call.out), shape=call.out)


def plus(call: Call, dtype: torch.dtype) -> None:
    """A sum of two tensors, or of one and a constant."""
    _add(call, 1.0, dtype)


def minus(call: Call, dtype: torch.dtype) -> None:
    """A difference of two tensors, or of one and a constant."""
    _add(call, -1.0, dtype)


def times(call: Call, dtype: torch.dtype) -> None:
    """A product with a constant."""
    constant = _constant(call, dtype)
    if constant is None:
        raise call.refuse("of two tensors that both depend on the images has no bounds")
    call.put(Affine(Scale(constant)), *_first(call), shape=call.out)


def over(call: Call, dtype: torch.dtype) -> None:
    """A quotient by a constant."""
    constant = _constant(call, torch.float64)
    if constant is None or call.places[0] is None or call.options:
        raise call.refuse("by what depends on the images has no bounds")
    call.put(Affine(Scale((1 / constant).to(dtype))), *_first(call), shape=call.out)


def module_rule(call: Call) -> Rule | None:
    """The rule of a module's type, if its `forward` is that of the type and no hook stands around it."""
    module = call.module
    if module is None or module._forward_hooks or module._forward_pre_hooks:
        return None
    for kind in type(module).__mro__:
        if kind in _MODULES and type(module).forward is kind.forward:
            return _MODULES[kind]
    return None


def _linear_module(call: Call, dtype: torch.dtype) -> None:
    module: Any = call.module
    _dense(call, module.weight, module.bias, dtype)


def _convolution_module(call: Call, dtype: torch.dtype) -> None:
    module: Any = call.module
    if module.padding_mode != "zeros":
        raise call.refuse(f"with padding_mode='{module.padding_mode}' has no bounds")
    _convolve(call, module.weight, module.bias, dtype, **{name: getattr(module, name) for name in _CONVOLUTION})


def _norm_module(call: Call, dtype: torch.dtype) -> None:
    module: Any = call.module
    if module.running_mean is None:
        raise call.refuse("takes the statistics of the batch, whose images then depend on each other")
    _normalise(call, module.running_mean, module.running_var, module.weight, module.bias, module.eps, dtype)


def _max_module(call: Call, dtype: torch.dtype) -> None:
    del dtype
    _largest(call, vars(call.module))


def _average_module(call: Call, dtype: torch.dtype) -> None:
    del dtype
    _average(call, vars(call.module))


def _dense(call: Call, weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> None:
    if len(call.into) != 1:
        raise call.refuse(f"on inputs of shape {call.into} has no bounds; flatten them first")
    call.put(Affine(Dense(weight.to(dtype)), None if bias is None else bias.to(dtype)[None]), shape=call.out)


_CONVOLUTION: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}


def _convolve(call: Call, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, **options: Any) -> None:
    if len(call.into) != weight.dim() - 1 or weight.dim() not in (3, 4):
        raise call.refuse(f"on inputs of shape {call.into} has no bounds")
    flat = weight.dim() == 3
    weight = (weight[:, :, None] if flat else weight).to(dtype)
    stride, dilation = _pair(options["stride"], flat, 1), _pair(options["dilation"], flat, 1)
    if options["padding"] == "same":
        total = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:])]
        (top, bottom), (left, right) = ((one // 2, one - one // 2) for one in total)
    else:
        top, left = _pair(0 if options["padding"] == "valid" else options["padding"], flat, 0)
        bottom, right = top, left
    shift = None if bias is None else bias.to(dtype).reshape(1, -1, 1, 1)

    def made(into: tuple[int, ...]) -> Affine:
        sizes = into[0], into[1], into[2]
        convolved = Convolution(weight, sizes, stride, (left, right, top, bottom), dilation, options["groups"])
        return Affine(convolved, shift)

    _in_two_axes(call, made)


def _normalise(
    call: Call,
    mean: Tensor,
    variance: Tensor,
    gain: Tensor | None,
    shift: Tensor | None,
    eps: float,
    dtype: torch.dtype,
) -> None:
    """(x - mean) / sqrt(variance + eps) * gain + shift as one factor and one constant for each channel."""
    shape = (1, -1, *[1] * (len(call.into) - 1))
    factor = 1 / (variance.double() + eps).sqrt()
    factor = factor if gain is None else factor * gain.double()
    moved = -mean.double() * factor
    size = moved.abs()
    if shift is not None:
        moved, size = moved + shift.double(), size + shift.double().abs()
    moved, size = moved.to(dtype).reshape(shape), size.to(dtype).reshape(shape)
    call.put(Affine(Scale(factor.to(dtype).reshape(shape), run_terms=8), moved, size), shape=call.out)


def _largest(call: Call, given: Any) -> None:
    if given.get("return_indices") or len(call.into) not in (2, 3):
        raise call.refuse("with return_indices, or on such a shape, has no bounds")
    flat = len(call.into) == 2
    kernel = _pair(given["kernel_size"], flat, 1)
    stride = kernel if not given["stride"] else _pair(given["stride"], flat, 1)
    padding, dilation = _pair(given["padding"] or 0, flat, 0), _pair(given["dilation"] or 1, flat, 1)
    ceil = bool(given["ceil_mode"])
    _in_two_axes(call, lambda into: MaxPool(kernel, stride, padding, dilation, ceil, (into[0], into[1], into[2])))


def _average(call: Call, given: Any) -> None:
    if given.get("divisor_override") is not None or len(call.into) not in (2, 3):
        raise call.refuse("with divisor_override, or on such a shape, has no bounds")
    flat = len(call.into) == 2
    kernel = _pair(given["kernel_size"], flat, 1)
    stride = kernel if not given["stride"] else _pair(given["stride"], flat, 1)
    counted = given["count_include_pad"] is None or bool(given["count_include_pad"])
    by = _Windows(kernel, stride, _pair(given["padding"] or 0, flat, 0), bool(given["ceil_mode"]), counted)
    terms = math.prod(kernel)
    _in_two_axes(call, lambda into: Affine(Average(by, into, terms, terms)))


class _Adaptive:
    """Averages over windows that make outputs of a given size."""

    def __init__(self, height: int, width: int) -> None:
        self.size = height, width

    def __call__(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(x, self.size)


class _Windows:
    """Averages over windows of a given size."""

    def __init__(self, *options: Any) -> None:
        self.options = options

    def __call__(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, *self.options)


def _in_two_axes(call: Call, made: Any) -> None:
    """Put an operation on images; what has one axis of places gets a second of size 1 for it."""
    if len(call.into) == 3:
        call.put(made(call.into), shape=call.out)
        return
    into, out = (call.into[0], 1, call.into[1]), (call.out[0], 1, call.out[1])
    call.put(Reshape(call.into, into), shape=into)
    call.put(made(into), shape=out)
    call.put(Reshape(out, call.out), shape=call.out)


def _add(call: Call, sign: float, dtype: torch.dtype) -> None:
    given = call.given("input other alpha")
    if given["alpha"] not in (None, 1):
        raise call.refuse("with alpha has no bounds")
    constant = _constant(call, dtype)
    if constant is None:
        one, other = call.places[:2]
        assert one is not None and other is not None
        if call.args[0].shape != call.args[1].shape:
            raise call.refuse("of tensors of two shapes has no bounds")
        call.put(Sum(sign), one, other, shape=call.out)
        return
    ones = torch.ones_like(constant)
    first = call.places[0] is not None
    scale, shift = (ones, sign * constant) if first else (sign * ones, constant)
    call.put(Affine(Scale(scale), shift), *_first(call), shape=call.out)


def _constant(call: Call, dtype: torch.dtype) -> Tensor | None:
    """The one of two operands that does not depend on the images, as (1, ...); None if both do."""
    if len(call.args) != 2:
        raise call.refuse("with such arguments has no bounds")
    free = [arg for arg, place in zip(call.args, call.places) if place is None]
    if not free:
        return None
    constant = torch.as_tensor(free[0], device=call.result.device).to(dtype)
    if (
        call.out != call.into
        or constant.dim() > len(call.into) + 1
        or constant.shape[: constant.dim() - len(call.into)]
        not in (
            torch.Size([]),
            torch.Size([1]),
        )
    ):
        raise call.refuse("with a constant of such a shape has no bounds")
    return constant.reshape(*[1] * (len(call.into) + 1 - constant.dim()), *constant.shape)


def _first(call: Call) -> tuple[int, ...]:
    return tuple(place for place in call.places if place is not None)[:1]


def _pair(option: Any, flat: bool, unused: int) -> tuple[int, int]:
    """An option of a layer for height and width; of a layer with one axis, for width."""
    numbers = tuple(option) if isinstance(option, (list, tuple)) else (option,) * (1 if flat else 2)
    if flat:
        return unused, int(numbers[0])
    return int(numbers[0]), int(numbers[-1])


FUNCTIONS: dict[str, Rule] = {
    "linear": linear,
    **dict.fromkeys(("conv1d", "conv2d"), convolution),
    "batch_norm": batch_norm,
    "relu": relu,
    **dict.fromkeys(("max_pool1d", "max_pool2d"), max_pool),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d"), average_pool),
    **dict.fromkeys(("adaptive_avg_pool1d", "adaptive_avg_pool2d"), adaptive_average),
    "mean": mean,
    **dict.fromkeys(("flatten", "view", "reshape", "squeeze", "unsqueeze", "unflatten", "contiguous"), reshape),
    **dict.fromkeys(("dropout", "dropout1d", "dropout2d", "clone", "detach", "float", "to", "type"), nothing),
    "add": plus,
    "sub": minus,
    "mul": times,
    "div": over,
}
"""Rules by the bare name of a function or method."""

_MODULES: dict[type[nn.Module], Rule] = {
    nn.Linear: _linear_module,
    **dict.fromkeys((nn.Conv1d, nn.Conv2d), _convolution_module),
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d), _norm_module),
    nn.ReLU: relu,
    **dict.fromkeys((nn.MaxPool1d, nn.MaxPool2d), _max_module),
    **dict.fromkeys((nn.AvgPool1d, nn.AvgPool2d), _average_module),
    **dict.fromkeys((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d), adaptive_average),
    nn.Flatten: reshape,
    nn.Unflatten: reshape,
    **dict.fromkeys((nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d), nothing),
}
