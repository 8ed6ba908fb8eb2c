"""One call of a torch function, as rules see it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..graph import ChannelGraph, Flow

_ALIASES = {
    **dict.fromkeys(("iadd", "radd"), "add"),
    **dict.fromkeys(("isub", "subtract"), "sub"),
    **dict.fromkeys(("imul", "rmul", "multiply"), "mul"),
    **dict.fromkeys(("idiv", "itruediv", "truediv", "divide", "true_divide"), "div"),
    **dict.fromkeys(("rtruediv",), "rdiv"),
    **dict.fromkeys(("concat", "concatenate"), "cat"),
    **dict.fromkeys(("swapaxes", "swapdims"), "transpose"),
}


def name_of(func: Callable[..., Any]) -> str:
    """The bare name: `relu` for F.relu, torch.relu_ and Tensor.relu; `add` for + and +=."""
    name = str(getattr(func, "__name__", type(func).__name__))
    if name in ("__get__", "__set__"):
        return name
    bare = name.strip("_")
    return _ALIASES.get(bare, bare)


def by_name(names: str, args: Sequence[Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call by name, such as "input weight bias"; None where the call gives none."""
    words = names.split()
    return {**dict.fromkeys(words), **dict(zip(words, args)), **options}


@dataclass(frozen=True)
class Call:
    """A function, what it was given, and what it gave."""

    func: Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any]
    result: Any

    @property
    def name(self) -> str:
        """The bare name of the function."""
        return name_of(self.func)

    def bound(self, names: str) -> dict[str, Any]:
        """The arguments by name; None where the call gives none."""
        return by_name(names, self.args, self.options)

    def spread(self, graph: ChannelGraph) -> Flow | None:
        """The channels of the first argument on however many axes, if they are known."""
        return graph.spread(self.args[0]) if self.args else None


Rule = Callable[[ChannelGraph, Call], bool]
"""`rule(graph, call)` notes the channels of the result and returns True, or returns False."""


def axes_of(dims: Any, tensor: Tensor) -> set[int]:
    """Axes, counted from the start, that are given as a number or several."""
    return {one % tensor.dim() for one in (dims if isinstance(dims, (list, tuple)) else [dims])}


def only_zeros(value: Tensor) -> Tensor:
    """Averaging with padding, sums and resizing keep a zero a zero, but change every other constant."""
    return torch.where(value == 0, 0.0, float("nan"))


def per_channel(tensor: Tensor) -> Tensor:
    """The entries of a parameter or buffer, as constants are kept: float64, on the CPU."""
    return tensor.detach().to("cpu", torch.float64)
