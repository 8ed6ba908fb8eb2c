"""Wide ResNets: pre-activation residual blocks with more channels and fewer layers; 28-4 is that of Wang et al.

Reference: Zagoruyko, Komodakis 2016, Wide Residual Networks, Table 1; no dropout.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .architecture import check_counts
from .builder import builder
from .init import he_normal_
from .normalize import normalization


class PreActBlock(nn.Module):
    """norm-ReLU-conv-norm-ReLU-conv beside the identity (1x1 convolution where the shape changes)."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(into)
        self.conv1 = nn.Conv2d(into, out, 3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        changes = stride != 1 or into != out
        self.shortcut = nn.Conv2d(into, out, 1, stride=stride, bias=False) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        active = torch.relu(self.norm1(x))
        beside = x if self.shortcut is None else self.shortcut(active)
        out = self.conv1(active)
        out = self.conv2(torch.relu(self.norm2(out)))
        total: Tensor = out + beside
        return total


class WideResNet(nn.Module):
    """3x3 stem, three groups of pre-activation blocks, norm-ReLU, average over space, linear layer."""

    def __init__(self, num_classes: int, in_channels: int, depth: int, widen: int, normalize: nn.Module) -> None:
        super().__init__()
        self.normalize = normalize
        self.conv1 = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.groups = nn.Sequential()
        into = 16
        for group in range(3):
            out = 16 * widen * 2**group
            for i in range((depth - 4) // 6):
                stride = 2 if group > 0 and i == 0 else 1
                self.groups.add_module(f"group{group + 1}_block{i + 1}", PreActBlock(into, out, stride))
                into = out
        self.norm = nn.BatchNorm2d(into)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.out = nn.Linear(into, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.groups(self.conv1(self.normalize(x)))
        x = self.average(torch.relu(self.norm(x)))
        logits: Tensor = self.out(x.flatten(1))
        return logits


@builder()
def wide_resnet(
    num_classes: int = 10,
    *,
    depth: int = 28,
    widen: int = 4,
    in_channels: int = 3,
    image_size: int = 32,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> WideResNet:
    """Any depth of 6 N + 4 convolutions (N blocks in each of three groups) and 16, 32, 64 channels `widen` times.

    Raises:
        ModelError: an option that cannot be.
    Reference:
        Zagoruyko & Komodakis 2016, Table 1.
    """
    check_counts("wide_resnet", depth=depth, widen=widen)
    if depth < 10 or depth % 6 != 4:
        raise ModelError(f"wide_resnet: depth must be 6 N + 4, such as 10, 16, 22 or 28; got {depth}")
    return _made(num_classes, in_channels, mean, std, depth, widen)


@builder()
def wrn28_4(
    num_classes: int = 10,
    *,
    in_channels: int = 3,
    image_size: int = 32,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> WideResNet:
    """28 convolutions (three of them shortcuts), 64, 128, 256 channels: 5,849,050 parameters, 4,048 filters.

    Raises:
        ModelError: an option that cannot be.
    Reference:
        Zagoruyko & Komodakis 2016, Table 1; the CIFAR network of Wang et al. 2018.
    """
    return _made(num_classes, in_channels, mean, std, depth=28, widen=4)


def _made(
    num_classes: int,
    in_channels: int,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
    depth: int,
    widen: int,
) -> WideResNet:
    model = WideResNet(num_classes, in_channels, depth, widen, normalization(mean, std))
    he_normal_(model, fan="fan_out")
    return model
