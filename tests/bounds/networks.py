"""Tiny networks of every kind that bounds follow, and the most hostile points that can be found in a ball."""

import torch
from torch import Tensor, nn

from blackthorn.attacks.ball import Ball, Norm, direction


class Residual(nn.Module):
    """A stem, a block with batch normalisation beside the identity, and an average."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.one = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.inner = nn.BatchNorm2d(4)
        self.two = nn.Conv2d(4, 4, 3, padding=1)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.out = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        x = x + self.two(torch.relu(self.inner(self.one(x))))
        logits: Tensor = self.out(self.average(torch.relu(x)).flatten(1))
        return logits


def residual() -> nn.Module:
    """With statistics and gains that are not those of a new layer."""
    model = Residual()
    for norm in (model.norm, model.inner):
        nn.init.uniform_(norm.running_mean, -0.3, 0.3)
        nn.init.uniform_(norm.running_var, 0.1, 0.5)
        nn.init.uniform_(norm.weight, -1.5, 1.5)
        nn.init.uniform_(norm.bias, -0.2, 0.2)
    return model


def mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))


def conv() -> nn.Module:
    """Padding, stride, dilation and groups."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 4, (3, 1), padding="same", groups=2),
        nn.ReLU(),
        nn.Conv2d(4, 6, 2, dilation=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(54, 3),
    )


def pooled() -> nn.Module:
    """Overlapping max pooling with padding, average pooling, and no ReLU between."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.MaxPool2d(3, 2, padding=1),
        nn.Conv2d(4, 4, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2, 1, padding=1, count_include_pad=False),
        nn.MaxPool2d(2, 2, ceil_mode=True),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(16, 3),
    )


NETWORKS = {"mlp": mlp, "conv": conv, "residual": residual, "pooled": pooled}


def images(n: int = 6) -> Tensor:
    """Images (n, 1, 6, 6) in [0, 1], some of whose pixels are black and white, so that balls are cut."""
    return (torch.rand(n, 1, 6, 6) * 1.4 - 0.2).clamp(0, 1)


def margins(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Own logit minus every logit, (batch, classes), in float64."""
    with torch.no_grad():
        logits = model(x).double()
    return logits.gather(1, y[:, None]) - logits


def least_found(model: nn.Module, x: Tensor, y: Tensor, norm: Norm, eps: float, *, points: int = 2000) -> Tensor:
    """The least margin against each class that random points, corners and gradient steps find, (batch, classes)."""
    model.eval()
    ball = Ball(norm, eps)
    least = margins(model, x, y)
    for at in range(0, points, 500):
        many = x.repeat_interleave(500, 0)
        start = ball.start(many)
        if norm == "linf" and at % 1000 == 0:
            start = ball.project(many + eps * torch.randn_like(many).sign(), many)
        found = margins(model, start, y.repeat_interleave(500)).unflatten(0, (len(x), 500)).amin(1)
        least = torch.minimum(least, found)
    for target in range(least.shape[1]):
        near = ball.start(x)
        for step in range(60):
            near = near.detach().requires_grad_()
            logits = model(near)
            ahead = (logits[:, target] - logits.gather(1, y[:, None])[:, 0]).sum()
            (gradient,) = torch.autograd.grad(ahead, near)
            size = eps * (0.5 if step < 30 else 0.05)
            near = ball.project(near.detach() + size * direction(gradient, norm), x)
            least = torch.minimum(least, margins(model, near, y))
    return least
