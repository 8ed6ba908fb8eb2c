"""Whatever a network of somebody's own gives, read as logits: tensors, tuples, dictionaries, one number."""

import copy
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import ModelError

_SQUASHING: set[Any] = {torch.softmax, Tensor.softmax, F.softmax, torch.sigmoid, Tensor.sigmoid, F.sigmoid}


class LastSquashing(TorchFunctionMode):
    """Within: notes what the last softmax or sigmoid was given, so that logits can be had from probabilities."""

    def __init__(self) -> None:
        super().__init__()
        self.given: Tensor | None = None
        self.made: Tensor | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Computes what the network would."""
        out = func(*args, **(kwargs or {}))
        if func in _SQUASHING:
            self.given, self.made = args[0], out
        return out

    def behind(self, output: Tensor) -> Tensor | None:
        """What was squashed into this output, in its shape; None if something else came after."""
        if self.given is None or self.made is None or output.data_ptr() != self.made.data_ptr():
            return None
        return self.given.reshape(output.shape) if self.given.numel() == output.numel() else None


class Passing(TorchFunctionMode):
    """Within: keeps every matrix that is computed, so that logits can be had from what was made of them."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: list[Tensor] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Computes what the network would."""
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor) and out.dim() == 2 and out.is_floating_point():
            self._passed.append(out)
        return out

    def shaped(self, output: Tensor) -> list[Tensor]:
        """Whatever had the shape of this output, in the order in which it was computed."""
        return [tensor for tensor in self._passed if tensor.shape == output.shape]


def tensor_in(output: Any, name: str) -> Tensor:
    """The tensor, (images, classes) or (images,), in what a network called `name` gave.

    A mapping or an object is asked for `logits`, and of a tuple or list the first tensor is taken.

    Raises:
        ModelError: there is none, or one of another shape or of integers.
    """
    if isinstance(output, Mapping):
        output = output.get("logits")
    elif not isinstance(output, Tensor) and hasattr(output, "logits"):
        output = output.logits
    elif isinstance(output, (tuple, list)):
        output = next((one for one in output if isinstance(one, Tensor)), None)
    if not isinstance(output, Tensor) or not output.is_floating_point() or output.dim() not in (1, 2):
        shape = f"{output.dtype} {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
        raise ModelError(f"{name} gives {shape}; return logits (images, classes), or a dict or tuple with them")
    return output


def is_one_number(output: Tensor) -> bool:
    """Whether there is one number for each image, and so two classes."""
    return output.dim() == 1 or output.shape[1] == 1


def as_logits(output: Tensor) -> Tensor:
    """Logits (images, classes): one number for each image, (images,) or (images, 1), is the logit of class 1 of two."""
    if not is_one_number(output):
        return output
    own = output.reshape(-1)
    return torch.stack([torch.zeros_like(own), own], 1)


def logits_from(model: nn.Module, x: Tensor) -> Tensor:
    """Logits of images (images, classes), whatever the network gives; it is given a copy, in the type of its weights.

    Raises:
        ModelError: what it gives holds no logits.
    """
    return logits_in(asked(model, x), model, x)


def asked(model: nn.Module, x: Tensor) -> Any:
    """What a network says of images: of a copy, in the type of its weights."""
    return model(x.clone().to(dtype_of(model)))


def logits_in(output: Any, model: nn.Module, x: Tensor) -> Tensor:
    """Logits in what a network said of `x`. One sigmoid is read as the probability of class 1 of two."""
    name = type(model).__name__
    found = tensor_in(output, name)
    if is_one_number(found) and bool(((found >= 0) & (found <= 1)).all()):  # a sigmoid, or small logits?
        with LastSquashing() as last:
            found = tensor_in(asked(model, x), name)
        behind = last.behind(found)
        found = found if behind is None else behind
    return as_logits(found)


def dtype_of(model: nn.Module) -> torch.dtype:
    """What a network wants its images in: the type of its first floating weights; float32 for one without."""
    tensors = chain(model.parameters(), model.buffers())
    return next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)


def ordinary(model: nn.Module) -> nn.Module:
    """The network itself, or a copy where it was made under `torch.inference_mode` and so can have no gradients."""
    if not any(tensor.is_inference() for tensor in chain(model.parameters(), model.buffers())):
        return model
    made = copy.deepcopy(model)
    for module in made.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(parameter.detach().clone(), requires_grad=False))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, buffer.clone())
    return made
