"""Small networks to attack: a linear one, whose robustness has a closed form, and a convolutional one."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn.data import ImageSet, pixels, stripes


class Linear(nn.Module):
    """Logits are `scale * (W x + b)`; classes, pixels = W.shape."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None, scale: float = 1.0) -> None:
        super().__init__()
        bias = torch.zeros(len(weight)) if bias is None else bias
        self.weight = nn.Parameter(scale * weight)
        self.bias = nn.Parameter(scale * bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x.flatten(1), self.weight, self.bias)


def cnn(classes: int = 4, *, seed: int = 0, kernel: int = 4) -> nn.Sequential:
    """A smooth network on 8x8 images, in eval mode; its strided 4x4 convolution takes the fast backward pass.

    Smooth, so that no gradient is exactly zero or within rounding of it, where signs would be a matter of luck.
    """
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, kernel, stride=2, padding=1), nn.Tanh(),
        nn.Conv2d(8, 12, 3, padding=1), nn.BatchNorm2d(12), nn.Tanh(),
        nn.Flatten(), nn.Linear(12 * 16, classes),
    ).eval()  # fmt: skip


def trained_cnn() -> nn.Sequential:
    """A network that reads stripes almost without error."""
    images = stripes(train=512).train
    x, y = pixels(images.x), images.y
    model = cnn().train()
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for step in range(48):
        batch = slice(64 * (step % 8), 64 * (step % 8) + 64)
        optimiser.zero_grad(set_to_none=True)
        F.cross_entropy(model(x[batch]), y[batch]).backward()
        optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return model.eval()


def held_out(n: int = 96) -> ImageSet:
    return stripes(test=n).test
