"""Small forms of networks that people bring, with the wiring that each is known for."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv(into: int, out: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(into, out, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out), nn.ReLU())


class DenseNet(nn.Module):
    """Each layer reads everything before it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(8 + 4 * i), nn.ReLU(), nn.Conv2d(8 + 4 * i, 4, 3, padding=1)) for i in range(3)
        )
        self.norm, self.out = nn.BatchNorm2d(20), nn.Linear(20, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return self.out(F.relu(self.norm(x)).mean((2, 3)))


class MobileNetV2(nn.Module):
    """Inverted residuals: up, depthwise, down, and a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(3, 8)
        self.blocks = nn.ModuleList(
            nn.Sequential(conv(8, 16, 1), conv(16, 16, 3, groups=16), nn.Conv2d(16, 8, 1), nn.BatchNorm2d(8))
            for _ in range(2)
        )
        self.head = nn.Sequential(conv(8, 12, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


class ResNetA(nn.Module):
    """Shortcuts without weights: every second pixel, and channels of zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.one = conv(3, 8), conv(8, 16, 3, 2)
        self.two, self.out = nn.Conv2d(16, 16, 3, padding=1), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = F.relu(self.two(self.one(x)) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 4, 4)))
        return self.out(x.mean((2, 3)))


class ShuffleNetV2(nn.Module):
    """Half of the channels passes by; then the halves are shuffled."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.out = conv(3, 8), nn.Linear(12, 5)
        self.branch = nn.Sequential(conv(4, 4, 1), conv(4, 4, 3, groups=4), conv(4, 4, 1))
        self.last = conv(8, 12, 1)

    def forward(self, x: Tensor) -> Tensor:
        one, other = self.stem(x).chunk(2, 1)
        x = torch.cat([one, self.branch(other)], 1)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.out(self.last(x).mean((2, 3)))


class SEResNet(nn.Module):
    """Squeeze-excite as it is often written, with view and expand_as."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.one, self.two = conv(3, 8), conv(8, 8), nn.Conv2d(8, 8, 3, padding=1)
        self.gate = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 8), nn.Sigmoid())
        self.out = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.two(self.one(x))
        n, c = y.shape[:2]
        y = y * self.gate(F.adaptive_avg_pool2d(y, 1).view(n, c)).view(n, c, 1, 1).expand_as(y)
        return self.out(F.relu(x + y).mean((2, 3)))


class ViT(nn.Module):
    """Patches, attention and an MLP; only the hidden layer of the MLP can be narrower."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.norm1, self.norm2 = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8), nn.LayerNorm(8)
        self.qkv, self.proj = nn.Linear(8, 24), nn.Linear(8, 8)
        self.mlp, self.out = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8)), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        n, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(n, t, 3, 2, c // 2).permute(2, 0, 3, 1, 4)
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, c))
        x = x + self.mlp(self.norm2(x))
        return self.out(x.mean(1))


class UNet(nn.Module):
    """Down, up by a transposed convolution, and side by side with what was there before."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.up = conv(3, 6), conv(6, 10), nn.ConvTranspose2d(10, 6, 2, 2)
        self.three, self.out = conv(12, 6), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        one = self.one(x)
        x = self.up(self.two(F.max_pool2d(one, 2)))
        return self.out(self.three(torch.cat([one, x], 1)).mean((2, 3)))


class WeightTied(nn.Module):
    """One layer, several times."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.again, self.out = conv(3, 8), nn.Conv2d(8, 8, 3, padding=1), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(3):
            x = F.relu(self.again(x))
        return self.out(x.mean((2, 3)))


class ConvNeXt(nn.Module):
    """Depthwise, LayerNorm over channels, an MLP on the last axis, a scale; LayerNorm at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.deep = nn.Conv2d(3, 8, 2, 2), nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.norm, self.up, self.down = nn.LayerNorm(8), nn.Linear(8, 16), nn.Linear(16, 8)
        self.scale, self.last, self.out = nn.Parameter(torch.rand(8)), nn.LayerNorm(8), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.norm(self.deep(x).permute(0, 2, 3, 1))
        x = x + (self.scale * self.down(F.gelu(self.up(y)))).permute(0, 3, 1, 2)
        return self.out(self.last(x.mean((-2, -1))))


class RepVGG(nn.Module):
    """3x3, 1x1 and identity side by side, each with a norm, summed."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.out = conv(3, 8), nn.Linear(8, 5)
        self.three = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
        self.one = nn.Sequential(nn.Conv2d(8, 8, 1, bias=False), nn.BatchNorm2d(8))
        self.same = nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.out(F.relu(self.three(x) + self.one(x) + self.same(x)).mean((2, 3)))


class Inception(nn.Module):
    """Four branches side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.one = conv(3, 8), conv(8, 4, 1)
        self.three, self.five = nn.Sequential(conv(8, 4, 1), conv(4, 6)), nn.Sequential(conv(8, 4, 1), conv(4, 4, 5))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(8, 4, 1))
        self.last, self.out = conv(18, 8), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1)
        return self.out(self.last(x).mean((2, 3)))


NETWORKS: list[type[nn.Module]] = [
    DenseNet, MobileNetV2, ResNetA, ShuffleNetV2, SEResNet, ViT, UNet, WeightTied, ConvNeXt, RepVGG, Inception,
]  # fmt: skip
