"""The penultimate layer: the features that a network's last layer turns into logits.

The trace says which layer makes the logits; its input are the features. They are taken out of a forward pass that ends
there, so that the last layer is neither computed nor remembered for a backward pass.

Reference: Ilyas et al. 2019, "Adversarial examples are not bugs, they are features", sec. 3.1: "the representation
layer" g. Their code inverts it with what it calls a fake ReLU.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import ModelError
from .rules.call import name_of
from .rules.table import LAYERS
from .trace import Trace, run_once, trace, two_of
from .tracer import tensors_in


def penultimate(model: nn.Module, example: Tensor, *, fake_relu: bool = False) -> Callable[[Tensor], Tensor]:
    """A function from images (n, channels, height, width) to the features of the penultimate layer, (n, features).

    It runs the network in the mode that it is in, as far as the last layer and no further. Features carry gradients.
    No hook is put on the network.

    Args:
        model: any network with a layer before the one that makes the logits.
        example: one image or more to run it on, on the model's device.
        fake_relu: let gradients pass the last ReLU before the features, or the last ones where branches meet, as if it
            were the identity, so that features that are zero can grow again. What it gives is the same.
    Raises:
        PruningError: the network cannot run on the example.
        ModelError: there is no one layer that makes the logits, or none before it.
    """
    name = type(model).__name__
    weights = dict(model.named_parameters())
    heads = _heads(trace(model, example), weights)
    if len(heads) != 1:
        found = f"come from {' and '.join(heads)}" if heads else "come from no layer that can be followed"
        raise ModelError(f"{name} has no penultimate layer: its logits {found}; give a network with one last layer")
    watching = _Lineages(weights[heads[0]])
    with suppress(_Reached):
        run_once(model, two_of(model, example), watching)
    if watching.relus is None:
        raise ModelError(f"{name} has no penultimate layer: '{heads[0]}' makes its logits straight from the image")
    faked = watching.relus if fake_relu else frozenset()

    def features(x: Tensor) -> Tensor:
        try:
            with _UntilHead(weights[heads[0]], faked):
                model(x)
        except _Reached as reached:
            return reached.features.flatten(1)
        raise ModelError(f"{name} did not reach '{heads[0]}', and so has no features on these images")

    return features


def _heads(traced: Trace, weights: Collection[str]) -> list[str]:
    """The weights that make the logits, with those of layers whose outputs are added to theirs."""
    made = [traced.root[use.out] for use in traced.uses if use.weight in traced.output]
    added = [use.weight for use in traced.uses if any(torch.isin(traced.root[use.out], ids).any() for ids in made)]
    return [weight for weight in dict.fromkeys([*traced.output, *added]) if weight in weights]


class _Reached(BaseException):
    """The last layer is about to be computed; no `except Exception` of a person's forward stops it."""

    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features


class _FakeReLU(torch.autograd.Function):
    """ReLU, whose gradient is that of the identity."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, inplace: bool) -> Tensor:
        if inplace:
            ctx.mark_dirty(x)
            return x.clamp_(min=0)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None


class _UntilHead(TorchFunctionMode):
    """Within: a forward pass that ends at the layer with this weight, and in which some ReLUs are fake."""

    def __init__(self, head: nn.Parameter, faked: frozenset[int] = frozenset()) -> None:
        super().__init__()
        self._head, self._faked = head, faked
        self._relus = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        name = name_of(func)
        if name in LAYERS and any(tensor is self._head for tensor in tensors_in((args, options))):
            raise _Reached(args[0] if args else options["input"])
        if name == "relu":
            self._relus += 1
            if self._relus - 1 in self._faked:
                x, *rest = args or (options["input"],)
                inplace = func.__name__.endswith("_") or bool(rest[0] if rest else options.get("inplace", False))
                return _FakeReLU.apply(x, inplace)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return func(*args, **options)


class _Lineages(_UntilHead):
    """Finds the ReLUs, by the number of their call, that the features come from without a layer in between."""

    def __init__(self, head: nn.Parameter) -> None:
        super().__init__(head)
        self.relus: frozenset[int] | None = None
        """None where the features come from no layer."""
        self._lineages: dict[int, tuple[Tensor, frozenset[int] | None]] = {}  # holds the tensor, and so its id

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = [self._lineages[id(one)][1] for one in tensors_in((args, kwargs)) if id(one) in self._lineages]
        known = [relus for relus in given if relus is not None]
        relus = frozenset[int]().union(*known) if known else None
        name, number = name_of(func), self._relus
        try:
            result = super().__torch_function__(func, types, args, kwargs)
        except _Reached:
            self.relus = relus
            raise
        if name in LAYERS:
            relus = frozenset()
        elif name == "relu":
            relus = None if relus is None else frozenset([number])
        for tensor in tensors_in(result):
            self._lineages[id(tensor)] = tensor, relus
        return result
