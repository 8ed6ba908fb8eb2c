"""A copy of a network, also of one that keeps features of its last batch on itself."""

import copy
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..files import one_line

M = TypeVar("M", bound=nn.Module)


def copied(model: M) -> M:
    """A deep copy. Tensors that a training step left on the network, for distillation say, are copied detached.

    Raises:
        ModelError: the network holds something that cannot be copied, such as a lock or an open file.
    """
    memo: dict[int, object] = {}
    for module in model.modules():
        for tensor in _tensors(list(vars(module).values()), depth=4):
            if not tensor.is_leaf:
                memo[id(tensor)] = tensor.detach().clone()
        for held in vars(module).values():
            if isinstance(held, torch.jit.ScriptFunction):  # a function, which copies share
                memo[id(held)] = held
    try:
        return copy.deepcopy(model, memo)
    except (TypeError, RuntimeError, AttributeError, NotImplementedError) as error:
        raise ModelError(f"{type(model).__name__} cannot be copied ({one_line(error)})") from error


def _tensors(thing: object, depth: int) -> Iterator[Tensor]:
    if isinstance(thing, Tensor):
        yield thing
    elif depth and isinstance(thing, dict):
        for held in thing.values():
            yield from _tensors(held, depth - 1)
    elif depth and isinstance(thing, (list, tuple)):
        for held in thing:
            yield from _tensors(held, depth - 1)
