"""What the rules share: how a call is named and bound, and what it means for constants."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .tracer import Tracer

Call = Callable[..., Any]
Arguments = tuple[Any, ...]
Options = dict[str, Any]
Rule = Callable[["Tracer", Call, Arguments, Options, Any], bool]
"""`rule(tracer, func, args, options, result)`: note the channels of the result and return True, or return
False."""

LOST = "comes from a tensor whose channels cannot be followed"

_ALIASES = {
    **dict.fromkeys(("iadd", "radd"), "add"),
    **dict.fromkeys(("isub", "subtract"), "sub"),
    **dict.fromkeys(("imul", "rmul", "multiply"), "mul"),
    **dict.fromkeys(("idiv", "itruediv", "truediv", "divide", "true_divide"), "div"),
    **dict.fromkeys(("rtruediv",), "rdiv"),
    **dict.fromkeys(("concat", "concatenate"), "cat"),
    **dict.fromkeys(("swapaxes", "swapdims"), "transpose"),
}


def name_of(func: Call) -> str:
    """The bare name: `relu` for F.relu, torch.relu_ and Tensor.relu; `add` for + and +=."""
    name = str(getattr(func, "__name__", type(func).__name__))
    if name in ("__get__", "__set__"):
        return name
    bare = name.strip("_")
    return _ALIASES.get(bare, bare)


def bound(names: str, args: Arguments, options: Options) -> dict[str, Any]:
    """The arguments of a call by name; None where it gives none."""
    return {**dict.fromkeys(names.split()), **dict(zip(names.split(), args)), **options}


def varies(ids: Tensor) -> Tensor:
    """Values of channels that are not constant."""
    return torch.full((len(ids),), float("nan"), dtype=torch.float64)


def only_zeros(value: Tensor) -> Tensor:
    """Averaging with padding, sums and resizing keep a zero a zero, but not every constant the same."""
    return torch.where(value == 0, 0.0, float("nan"))
