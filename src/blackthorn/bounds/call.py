"""One call of a network that is being followed, as the rules see it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..channels.rules.call import by_name
from ..errors import ModelError
from .operation import Operation


class Call:
    """One call, as a rule sees it: what is called, with which values, and where its tensors come from."""

    def __init__(
        self, name: str, args: Sequence[Any], options: Mapping[str, Any], places: Sequence[int | None], result: Any
    ) -> None:
        self.name, self.args, self.options, self.result = name, tuple(args), dict(options), result
        self.places = places
        """The place of each of `args` in the network; None for what does not depend on the images."""
        self.module: nn.Module | None = None
        self.steps: list[tuple[Operation, tuple[int, ...], tuple[int, ...]]] = []
        """What a rule has found: operations, the places they read (-1: the one before), and output shapes."""

    def refuse(self, why: str = "has no bounds") -> ModelError:
        """The error that names the call."""
        known = "Linear, Conv1d, Conv2d, BatchNorm in eval mode, ReLU, max and average pooling, flatten, additions"
        return ModelError(f"bounds: {self.name} {why}; known are {known} and arithmetic with constants")

    def put(self, operation: Operation, *inputs: int, shape: Sequence[int]) -> None:
        """Note an operation; without inputs it reads what the one before gives."""
        self.steps.append((operation, inputs or (-1,), tuple(shape)))

    @property
    def into(self) -> tuple[int, ...]:
        """The shape of the first tensor that is read, without the images."""
        return tuple(next(arg for arg, place in zip(self.args, self.places) if place is not None).shape[1:])

    @property
    def out(self) -> tuple[int, ...]:
        """The shape of what comes out, without the images."""
        result: Tensor = self.result
        return tuple(result.shape[1:])

    def given(self, names: str) -> dict[str, Any]:
        """The arguments by name; None where the call gives none."""
        return by_name(names, self.args, self.options)


Rule = Callable[[Call, torch.dtype], None]
"""`rule(call, dtype)`: note the operations of a call, or raise `call.refuse(...)`."""
