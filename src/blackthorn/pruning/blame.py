"""Which line of a person's code a shrunk network fails at: the one that is wrong, not the one that notices."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..channels.lines import line_of_caller, line_of_error
from ..channels.rules.call import name_of
from ..channels.trace import run_once
from ..errors import PruningError

_RESHAPES = frozenset(["view", "reshape", "unflatten"])


def line_to_blame(small: nn.Module, whole: nn.Module, images: Tensor, error: Exception) -> str:
    """The first reshape that gives another number of rows in the shrunk network than in the masked one, since the rest
    of its sizes is written down; else the line that failed.
    """
    runs = []
    for model in (small, whole):
        watching = _Rows()
        with suppress(PruningError):  # the shrunk network is known to fail
            run_once(model, images, watching)
        runs.append(watching.found)
    return next((line for (rows, line), (wanted, _) in zip(*runs) if rows != wanted), line_of_error(error))


class _Rows(TorchFunctionMode):
    """Notes the length of the first axis that each reshape gives, and the line that it stands in."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if name_of(func) in _RESHAPES and isinstance(result, Tensor) and result.dim():
            self.found.append((result.shape[0], line_of_caller()))
        return result
