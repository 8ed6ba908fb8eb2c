"""The ball around an image that an attack may search: projection, random starts, and the steepest way out.

Radii are in pixels of [0, 1]. Norms are taken over all pixels and channels of an image.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import AttackError, did_you_mean
from ..speed.whole_batch import drawn, room
from ..values import check_radius

Norm = Literal["linf", "l2"]


def per_image(numbers: Tensor, x: Tensor) -> Tensor:
    """Shape one number for each image so that it broadcasts against images of shape (batch, ...)."""
    return numbers.reshape(-1, *[1] * (x.dim() - 1)).to(x)


@dataclass(frozen=True, eq=False)
class Ball:
    """All images within a radius of a given one.

    Raises:
        AttackError: the norm is not known, or the radius is negative or above the whole pixel range.
    """

    norm: Norm
    """linf: the largest change of a pixel. l2: the Euclidean length of the change."""
    eps: float | Tensor
    """One radius for all images, or a tensor of shape (batch,) with one for each."""
    low: float = 0.0
    """The smallest pixel that is left. Where it is above 0, or `high` below 1, images may lie outside themselves: their
    balls are then what is left of them after clipping."""
    high: float = 1.0
    """The largest pixel that is left."""

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1:
            raise AttackError(f"clip: [low, high] with 0 <= low < high <= 1 is wanted; got [{self.low}, {self.high}]")
        if self.norm not in get_args(Norm):
            raise AttackError(f"there is no norm '{self.norm}'; {did_you_mean(str(self.norm), get_args(Norm))}")
        if isinstance(self.eps, Tensor):
            return
        if not self.eps >= 0:
            raise AttackError(f"eps = {self.eps:g}: a radius cannot be negative")
        try:
            check_radius(self.eps, self.norm)
        except ValueError as problem:
            raise AttackError(str(problem)) from None

    @property
    def whole(self) -> bool:
        """Whether the ball holds every image of [0, 1]."""
        return self.norm == "linf" and not isinstance(self.eps, Tensor) and self.eps >= 1

    def each(self, x: Tensor) -> "Ball":
        """The same ball with a radius for each image of `x`, which can be indexed by image."""
        return self if isinstance(self.eps, Tensor) else replace(self, eps=x.new_full((len(x),), self.eps))

    def __getitem__(self, rows: Tensor) -> "Ball":
        """The balls of some of the images, where each image has its own radius."""
        assert isinstance(self.eps, Tensor)  # by `each`
        return replace(self, eps=self.eps[rows])

    def scaled(self, factor: float) -> "Ball":
        """The ball with its radius multiplied by `factor`."""
        return replace(self, eps=self.eps * factor)

    def size(self, delta: Tensor) -> Tensor:
        """The norm of each perturbation, shape (batch,)."""
        flat = delta.flatten(1)
        return flat.abs().amax(1) if self.norm == "linf" else flat.norm(dim=1)

    def contains(self, x_adv: Tensor, x: Tensor, *, slack: float = 0.0) -> Tensor:
        """Which images lie at most the radius plus `slack` away from `x`, bool (batch,)."""
        if self._clipped:
            return self.size(x_adv - self.project(x_adv, x)) <= slack
        return self.size(x_adv - x) <= self.eps + slack

    def project(self, x_adv: Tensor, x: Tensor) -> Tensor:
        """The nearest point of the ball around `x`, then of [0, 1] or whatever the smallest and largest pixel are.

        Clipping to [0, 1] only moves a point towards `x`, so the result lies in both.
        """
        if self.whole:
            return x_adv.clamp(self.low, self.high)
        eps = self._shaped(x)
        delta = x_adv - x
        if self.norm == "linf":
            delta = torch.clamp(delta, min=-eps, max=eps)  # type: ignore[arg-type]  # both floats, or both tensors
        else:
            length = per_image(self.size(delta).clamp_min(1e-12), x)
            delta = delta * torch.clamp_max(eps / length, 1.0)
        return (x + delta).clamp_(self.low, self.high)

    def start(self, x: Tensor) -> Tensor:
        """A point drawn uniformly from the ball, clipped to [0, 1] (Madry et al. 2018, sec. 4)."""
        eps = self._shaped(x)
        if self.norm == "linf":
            delta = drawn(lambda images: room(x, images).uniform_(-1, 1), len(x)) * eps
        else:
            direction = drawn(lambda images: room(x, images).normal_(), len(x))
            length = self.size(direction).clamp_min(1e-12)
            radius = drawn(lambda images: x.new_empty(images).uniform_(), len(x)) ** (1 / x[0].numel())
            delta = direction * per_image(radius / length, x) * eps
        return (x + delta).clamp_(self.low, self.high)

    def steepest(self, gradient: Tensor) -> Tensor:
        """The perturbation of this size along which the loss grows fastest; zero where the gradient is zero."""
        return self._shaped(gradient) * direction(gradient, self.norm)

    @property
    def _clipped(self) -> bool:
        return self.low > 0 or self.high < 1

    def _shaped(self, x: Tensor) -> float | Tensor:
        return per_image(self.eps, x) if isinstance(self.eps, Tensor) else self.eps


def direction(gradient: Tensor, norm: Norm) -> Tensor:
    """The direction of unit norm along which the loss grows fastest; zero where the gradient is zero."""
    if norm == "linf":
        return gradient.sign()
    gradient = gradient * per_image(unit_scale(gradient), gradient)
    length = gradient.flatten(1).norm(dim=1)
    return gradient / per_image(length.clamp_min(torch.finfo(gradient.dtype).tiny), gradient)


def unit_scale(gradient: Tensor) -> Tensor:
    """The power of two for each image that brings the largest entry of its gradient near 1; 1 where it is zero.

    Multiplied by it, a gradient keeps its direction to the last bit, and its squares neither vanish nor overflow,
    whatever the scale of the logits.
    """
    exponent = torch.frexp(gradient.detach().flatten(1).abs().amax(1)).exponent.clamp(-126, 126)
    return torch.ldexp(gradient.new_ones(len(gradient)), -exponent)
