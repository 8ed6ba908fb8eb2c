"""Balls around an image: where an attack may go, where it may start, and which way is steepest.

A radius is a float or one float per image, in pixels of [0, 1]. Norms are taken over all pixels and channels of an
image.
"""

from typing import Literal

import torch
from torch import Tensor

Norm = Literal["linf", "l2"]
Eps = float | Tensor
"""One radius for all images, or a tensor of shape (batch,) with one for each."""


def per_image(numbers: Tensor, x: Tensor) -> Tensor:
    """Shape one number for each image so that it broadcasts against images of shape (batch, ...)."""
    return numbers.reshape(-1, *[1] * (x.dim() - 1)).to(x)


def _shaped(eps: Eps, x: Tensor) -> Eps:
    return per_image(eps, x) if isinstance(eps, Tensor) else eps


def size(delta: Tensor, norm: Norm) -> Tensor:
    """Norm of each perturbation, shape (batch,)."""
    flat = delta.flatten(1)
    return flat.abs().amax(1) if norm == "linf" else flat.norm(dim=1)


def project(x_adv: Tensor, x: Tensor, eps: Eps, norm: Norm) -> Tensor:
    """The nearest point of the ball around `x`, then of [0, 1].

    Clipping to [0, 1] only moves a point towards `x`, so the result lies in both.
    """
    eps = _shaped(eps, x)
    if norm == "linf":
        delta = torch.clamp(x_adv - x, min=-eps, max=eps)  # type: ignore[arg-type]  # both floats, or both tensors
    else:
        delta = x_adv - x
        length = per_image(size(delta, "l2").clamp_min(1e-12), x)
        delta = delta * torch.clamp_max(eps / length, 1.0)
    return (x + delta).clamp_(0, 1)


def random_start(x: Tensor, eps: Eps, norm: Norm) -> Tensor:
    """A point drawn uniformly from the ball, clipped to [0, 1] (Madry et al. 2018, sec. 4)."""
    scale = _shaped(eps, x)
    if norm == "linf":
        delta = torch.empty_like(x).uniform_(-1, 1) * scale
    else:
        direction = torch.randn_like(x)
        length = size(direction, "l2").clamp_min(1e-12)
        radius = torch.rand(len(x), device=x.device, dtype=x.dtype) ** (1 / x[0].numel())
        delta = direction * per_image(radius / length, x) * scale
    return (x + delta).clamp_(0, 1)


def steepest(gradient: Tensor, norm: Norm) -> Tensor:
    """The direction of unit norm along which the loss grows fastest; zero where the gradient is zero."""
    if norm == "linf":
        return gradient.sign()
    return gradient / per_image(size(gradient, "l2") + 1e-10, gradient)  # the guard of MadryLab's l2 step
