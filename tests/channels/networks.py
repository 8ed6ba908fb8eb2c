"""Small networks with the wiring that people really write, and that channel tracing has to get right."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IMAGES = (4, 3, 8, 8)


def images(seed: int = 1) -> Tensor:
    return torch.rand(IMAGES, generator=torch.Generator().manual_seed(seed))


def lively(model: nn.Module) -> nn.Module:
    """As after training: norm statistics, gains and shifts are not 0 and 1. In eval mode."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.InstanceNorm2d)):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_()
                if module.running_mean is not None:
                    module.running_mean.normal_()
                    module.running_var.uniform_(0.5, 2)
    return model.eval()


class Chain(nn.Sequential):
    """conv-norm-relu-conv-relu-pool-flatten-linear-relu-linear; the flatten repeats each channel 16 times."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(),
            nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(8 * 16, 10), nn.ReLU(), nn.Linear(10, 5),
        )  # fmt: skip


class Concat(nn.Module):
    """Two branches side by side, one of them without bias, then a functional head."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Conv2d(3, 4, 3, padding=1)
        self.right = nn.Conv2d(3, 6, 1, bias=False)
        self.norm = nn.BatchNorm2d(10)
        self.out = nn.Linear(10, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([self.left(x), F.relu(self.right(x))], dim=1)
        return self.out(self.norm(x).relu().mean((2, 3)))


class Depthwise(nn.Module):
    """MobileNet: 1x1 up, depthwise 3x3, 1x1 down, with hardswish, around a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.up = nn.Sequential(nn.Conv2d(4, 8, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish())
        self.deep = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.BatchNorm2d(8), nn.ReLU6())
        self.down = nn.Sequential(nn.Conv2d(8, 4, 1, bias=False), nn.BatchNorm2d(4))
        self.out = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.down(self.deep(self.up(x)))
        return self.out(F.adaptive_avg_pool2d(x, 1).view(x.size(0), -1))


class SqueezeExcite(nn.Module):
    """A gate per channel, computed from the channels themselves: x * sigmoid(linear(linear(mean(x))))."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)
        self.down, self.up = nn.Linear(8, 4), nn.Linear(4, 8)
        self.out = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.conv(x))
        gate = torch.sigmoid(self.up(F.relu(self.down(x.mean(dim=(2, 3))))))
        x = x * gate[:, :].unsqueeze(-1).unsqueeze(-1)
        return self.out(x.amax(dim=(2, 3)))


class PaddedShortcut(nn.Module):
    """ResNet shortcut A: new channels are zeros that F.pad adds, a number fixed in the code."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.conv1, self.norm1 = nn.Conv2d(4, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.norm2 = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.out = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem_norm(self.stem(x)))
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return self.out(F.relu(y + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))).mean((2, 3)))


class Exotic(nn.Module):
    """What cannot be followed: group norm, transposed convolution, attention; and one that can."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = nn.Conv2d(3, 6, 3, padding=1)
        self.grouped, self.group_norm = nn.Conv2d(6, 8, 3, padding=1), nn.GroupNorm(2, 8)
        self.up = nn.ConvTranspose2d(8, 4, 2)
        self.attended = nn.Conv2d(4, 8, 3)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.group_norm(self.grouped(F.relu(self.plain(x))))
        x = self.attended(self.up(x)).flatten(2).transpose(1, 2)
        return self.out(self.attention(x, x, x)[0].mean(1))


class HardCoded(nn.Module):
    """The size of the flattened features is written in forward."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.out = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8 * 64, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.relu(self.conv(x)).view(-1, 8 * 64))


class Tied(nn.Module):
    """One convolution called three times in a row, and a learned scale per channel."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.again = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.scale = nn.Parameter(torch.rand(1, 6, 1, 1))
        self.out = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        for _ in range(3):
            x = F.relu(self.again(x))
        return self.out((self.scale * x).mean((2, 3)))


class Shuffled(nn.Module):
    """Channels of a grouped convolution, shuffled between the groups."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.mix = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 3, groups=2)
        self.last, self.out = nn.Conv2d(8, 6, 1), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.mix(self.stem(x)))
        x = x.view(x.size(0), 2, 4, 6, 6).transpose(1, 2).reshape(x.size(0), 8, 6, 6)
        return self.out(F.relu(self.last(x)).mean((2, 3)))


class InstanceNormed(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 3), nn.InstanceNorm2d(8, affine=True), nn.SiLU(), nn.AvgPool2d(2, padding=1),
            nn.Conv2d(8, 6, 2), nn.LeakyReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(6, 5),
        )  # fmt: skip
