"""Attacks as the papers write them: whole float32 loops, one image or one batch, no shortcut."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Gradient of cross-entropy with respect to the images; in float64 it keeps the true class to a lead of 36."""
    x = x.clone().requires_grad_()
    F.cross_entropy(model(x).double(), y, reduction="sum").backward(inputs=[x])
    assert x.grad is not None
    return x.grad


def fgsm(model: nn.Module, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """Goodfellow et al. 2015, sec. 4."""
    return (x + eps * gradient(model, x, y).sign()).clamp(0, 1)


def pgd_step(model: nn.Module, x_t: Tensor, x: Tensor, y: Tensor, eps: float, step: float, norm: str) -> Tensor:
    """Madry et al. 2018, eq. 2.1: up the loss, back into the ball, back into [0, 1]."""
    g = gradient(model, x_t, y)
    moved = []
    for image, centre, slope in zip(x_t, x, g):
        if norm == "linf":
            delta = image + step * slope.sign() - centre
            delta = torch.maximum(torch.minimum(delta, torch.tensor(eps)), torch.tensor(-eps))
        else:
            delta = image + step * slope / slope.norm() - centre
            delta = delta * eps / delta.norm() if delta.norm() > eps else delta
        moved.append((centre + delta).clamp(0, 1))
    return torch.stack(moved)


def pgd(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    eps: float,
    step: float,
    steps: int,
    norm: str,
    start: Tensor | None = None,
) -> Tensor:
    """The final iterate of one run."""
    x_t = x if start is None else start
    for _ in range(steps):
        x_t = pgd_step(model, x_t, x, y, eps, step, norm)
    return x_t


def first_fooling(
    model: nn.Module, x: Tensor, y: Tensor, *, eps: float, step: float, steps: int, norm: str
) -> tuple[Tensor, Tensor]:
    """One image at a time: the first iterate that fools (or the last), and whether it does."""
    found, fooled = [], []
    for i in range(len(x)):
        centre, label = x[i : i + 1], y[i : i + 1]
        x_t = centre
        for _ in range(steps):
            if model(x_t).argmax(1) != label:
                break
            x_t = pgd_step(model, x_t, centre, label, eps, step, norm)
        found.append(x_t)
        fooled.append(bool(model(x_t).argmax(1) != label))
    return torch.cat(found), torch.tensor(fooled)
