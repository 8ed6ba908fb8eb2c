"""Networks that hide what they would lose by: each is a plain network behind something that spoils its gradient."""

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
    """Bright or dark, by the mean of all pixels; with waves the slope at a pixel is of either sign, six times as steep.

    A pixel gains 0.04 at most by moving to a crest, and all of the radius by moving further.
    """

    def __init__(self, *, waves: bool) -> None:
        super().__init__()
        self.waves = waves

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, 2)."""
        seen = x + 0.02 * torch.sin(300 * x) if self.waves else x
        shade = 10 * (seen.mean((1, 2, 3)) - 0.5)
        return torch.stack([-shade, shade], 1)
