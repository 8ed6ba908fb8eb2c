"""What each call of a network is made of: one rule for a function's name, one for a module's type."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from .affine import Affine
from .call import Call, Rule
from .joints import Reshape, Sum
from .layers import CONVOLUTION, Adaptive, average, convolve, dense, in_two_axes, largest, normalise
from .maps import Average, Scale
from .piecewise import Relu


def linear(call: Call, dtype: torch.dtype) -> None:
    """A linear layer on flat features."""
    given = call.given("input weight bias")
    dense(call, given["weight"], given["bias"], dtype)


def convolution(call: Call, dtype: torch.dtype) -> None:
    """A convolution over one or two axes."""
    given = call.given("input weight bias stride padding dilation groups")
    given |= {name: value for name, value in CONVOLUTION.items() if given[name] is None}
    convolve(call, given.pop("weight"), given.pop("bias"), dtype, **{name: given[name] for name in CONVOLUTION})


def batch_norm(call: Call, dtype: torch.dtype) -> None:
    """Batch normalisation with running statistics."""
    given = call.given("input running_mean running_var weight bias training momentum eps")
    if given["training"] or given["running_mean"] is None:
        raise call.refuse("takes the statistics of the batch, whose images then depend on each other")
    statistics = given["running_mean"], given["running_var"]
    normalise(call, *statistics, given["weight"], given["bias"], 1e-5 if given["eps"] is None else given["eps"], dtype)


def relu(call: Call, dtype: torch.dtype) -> None:
    """The positive part."""
    del dtype
    call.put(Relu(), shape=call.out)


def max_pool(call: Call, dtype: torch.dtype) -> None:
    """Max pooling over one or two axes."""
    del dtype
    given = call.given("input kernel_size stride padding dilation ceil_mode return_indices")
    largest(call, given)


def average_pool(call: Call, dtype: torch.dtype) -> None:
    """Average pooling over one or two axes."""
    del dtype
    given = call.given("input kernel_size stride padding ceil_mode count_include_pad divisor_override")
    average(call, given)


def adaptive_average(call: Call, dtype: torch.dtype) -> None:
    """Averages over as many windows as there shall be outputs."""
    del dtype
    if len(call.into) not in (2, 3) or len(call.out) != len(call.into):
        raise call.refuse()
    windows = [-(-side // out) + 1 for side, out in zip(call.into[1:], call.out[1:])]
    flat = len(call.into) == 2
    size = (1, call.out[1]) if flat else (call.out[1], call.out[2])
    in_two_axes(call, lambda into: Affine(Average(Adaptive(*size), into, math.prod(windows), math.prod(windows) ** 2)))


def mean(call: Call, dtype: torch.dtype) -> None:
    """The mean over all places of an image."""
    del dtype
    given = call.given("input dim keepdim")
    dims = given["dim"] if isinstance(given["dim"], (list, tuple)) else [given["dim"]]
    axes = {one % (len(call.into) + 1) for one in dims if isinstance(one, int)}
    if len(call.into) != 3 or axes != {2, 3}:
        raise call.refuse("over other axes than height and width has no bounds, so it")
    channels, height, width = call.into
    call.put(Affine(Average(Adaptive(1, 1), call.into, height * width, 1)), *_first(call), shape=(channels, 1, 1))
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
        raise call.refuse("of two tensors that depend on the images has no bounds")
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
    dense(call, module.weight, module.bias, dtype)


def _convolution_module(call: Call, dtype: torch.dtype) -> None:
    module: Any = call.module
    if module.padding_mode != "zeros":
        raise call.refuse(f"with padding_mode='{module.padding_mode}' has no bounds")
    convolve(call, module.weight, module.bias, dtype, **{name: getattr(module, name) for name in CONVOLUTION})


def _norm_module(call: Call, dtype: torch.dtype) -> None:
    module: Any = call.module
    if module.running_mean is None:
        raise call.refuse("takes the statistics of the batch, whose images then depend on each other")
    normalise(call, module.running_mean, module.running_var, module.weight, module.bias, module.eps, dtype)


def _max_module(call: Call, dtype: torch.dtype) -> None:
    del dtype
    largest(call, vars(call.module))


def _average_module(call: Call, dtype: torch.dtype) -> None:
    del dtype
    average(call, vars(call.module))


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
