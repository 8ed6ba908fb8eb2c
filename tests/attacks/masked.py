"""Networks that hide what they would lose by: each is a plain network behind something that spoils its gradient."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Masked(nn.Module):
    """`after(net(before(x)))`."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Logits of `x`."""
        logits: Tensor = self.net(x)
        return logits


class Rounds(Masked):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward((x * 255).round() / 255)


class Detaches(Masked):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return super().forward(x)


class Roots(Masked):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward((x * x).sqrt())


class Noisy(Masked):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + 0.3 * torch.randn_like(x))


class Sure(Masked):
    def forward(self, x: Tensor) -> Tensor:
        return (30 * super().forward(x)).softmax(1)


class HalfRounds(Masked):
    def forward(self, x: Tensor) -> Tensor:
        upper = torch.arange(x.shape[-2], device=x.device)[:, None] < x.shape[-2] // 2
        return super().forward(torch.where(upper, (x * 255).round() / 255, x))


class Guards(Masked):
    """Answers for the image upside down where it is asked for gradients."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flip(-2) if torch.is_grad_enabled() else x)


class Steps(Masked):
    """Steps that nothing can see through: comparisons with thresholds."""

    def forward(self, x: Tensor) -> Tensor:
        levels = torch.linspace(0, 1, 21, device=x.device)[1:]
        return super().forward((x[..., None] > levels).float().mean(-1))


class Brightness(nn.Module):
    """Bright or dark, by the mean of what it sees in each pixel."""

    def __init__(self, seen: Callable[[Tensor], Tensor] | None = None, *, above: float = 0.0) -> None:
        super().__init__()
        self.seen, self.above = seen, above

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, 2) of pixels that are counted from 0.5."""
        pixel = x - 0.5
        shade = 10 * ((pixel if self.seen is None else self.seen(pixel)).mean((1, 2, 3)) - self.above)
        return torch.stack([-shade, shade], 1)


def waves(pixel: Tensor) -> Tensor:
    """A slope of either sign, six times as steep: a crest gives 0.04 at most, and going further all of the radius."""
    return pixel + 0.02 * torch.sin(300 * pixel)


def trap(pixel: Tensor) -> Tensor:
    """Up to 0.1 a little less the further up, and beyond it more; so a step up the slope goes down."""
    return torch.where(pixel.abs() < 0.1, -0.2 * pixel, 3 * pixel - 0.32 * pixel.sign())


def checkered_trap(pixel: Tensor) -> Tensor:
    """The trap, with neighbours that want to go opposite ways: squares lead out of it one pixel at a time."""
    height, width = (torch.arange(side, device=pixel.device) for side in pixel.shape[-2:])
    return trap(torch.where((height[:, None] + width) % 2 == 0, pixel, -pixel))
