"""What stands in the way of gradients, opened while a network computes: rounding and detached parts."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_STEPS: set[Any] = {
    torch.round, torch.floor, torch.ceil, torch.trunc, torch.fix,
    Tensor.round, Tensor.floor, Tensor.ceil, Tensor.trunc, Tensor.fix,
}  # fmt: skip
_CUTS: set[Any] = {Tensor.detach}


class StraightThrough(TorchFunctionMode):
    """Within: rounding passes gradients on as if it were not there, and detaching detaches nothing.

    Reference: Athalye et al. 2018, "Obfuscated gradients give a false sense of security", sec. 4.1 (BPDA).
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Computes what the network would, with another way back."""
        if func in _CUTS:
            return args[0]
        if func is torch._C._set_grad_enabled and not args[0]:
            return None  # no_grad inside the network
        out = func(*args, **(kwargs or {}))
        if func in _STEPS and isinstance(args[0], Tensor) and args[0].requires_grad:
            return args[0] + (out - args[0]).detach()
        return out
