"""Gradients for networks that give none, or none that can be followed: from nearby images, or from several draws."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from .through import StraightThrough

_NUDGE = 1e-3  # of the way to a random image: far from any point where a derivative is missing, near in the ball
_NUDGES = 4
_AVERAGED = 8  # draws of a random network for one gradient, or images around one


class Mending:
    """Other ways back from logits to images, through the same network.

    Args:
        forward: from images to logits, with a graph.
    """

    def __init__(self, forward: Callable[[Tensor], Tensor]) -> None:
        self._forward = forward
        self._generator = torch.Generator().manual_seed(0)

    def near(self, x: Tensor, upstream: Tensor) -> Tensor:
        """The mean gradient at images a little away, without what is not finite there either."""
        found = [self._back(self._nudged(x), _finite(upstream)) for _ in range(_NUDGES)]
        return torch.stack(found).mean(0)

    def through(self, x: Tensor, upstream: Tensor) -> Tensor | None:
        """The gradient past rounding and detached parts, at an image a little away; None where there is no way."""
        try:
            return self._back(self._nudged(x), _finite(upstream), within=StraightThrough())
        except (RuntimeError, TypeError, IndexError):
            return None  # the network needs its numbers to be whole, or detached

    def mean(self, gradient: Tensor, x: Tensor, upstream: Tensor) -> Tensor:
        """Expectation over transformation: the mean of this draw's gradient and of further ones.

        Reference: Athalye et al. 2018, "Obfuscated gradients give a false sense of security", sec. 4.2.
        """
        drawn = [gradient, *(self._back(x, upstream) for _ in range(_AVERAGED - 1))]
        return torch.stack(drawn).mean(0)

    def around(self, x: Tensor, upstream: Tensor, distance: float) -> Tensor:
        """The mean gradient at images whose pixels differ by that distance at most, uniformly drawn: what is left of
        waves is their slope on the whole.
        """
        draws = (2 * self._drawn(x) - 1 for _ in range(_AVERAGED))
        found = [self._back((x.detach() + distance * drawn).clamp(0, 1), upstream) for drawn in draws]
        return torch.stack(found).mean(0)

    def _drawn(self, x: Tensor) -> Tensor:
        return torch.rand(x.shape, generator=self._generator).to(x)

    def _nudged(self, x: Tensor) -> Tensor:
        away = self._drawn(x)
        return x.detach() + _NUDGE * (away - x.detach())

    def _back(self, x: Tensor, upstream: Tensor, within: AbstractContextManager[Any] | None = None) -> Tensor:
        """The same pull back to the images `x`, by another pass; zero where there is no way back."""
        leaf = x.detach().clone().requires_grad_()
        with torch.enable_grad():
            with within or nullcontext():
                logits = self._forward(leaf)
            if not logits.requires_grad:
                return torch.zeros_like(leaf)
            (gradient,) = torch.autograd.grad(logits, leaf, upstream)
        return _finite(gradient)


def _finite(gradient: Tensor) -> Tensor:
    return torch.nan_to_num(gradient, 0.0, 0.0, 0.0)
