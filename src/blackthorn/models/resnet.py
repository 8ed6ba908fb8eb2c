"""ResNet-18 for 32x32 images: a 3x3 stem without pooling, four stages of two basic blocks.

Reference: He et al. 2016, Deep Residual Learning, with the stem of the adversarial training literature.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .architecture import check_counts
from .builder import builder
from .init import he_normal_
from .normalize import normalization


class BasicBlock(nn.Module):
    """conv-norm-ReLU-conv-norm beside the identity (1x1 convolution when the shape changes), then ReLU."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or into != out:
            self.shortcut = nn.Sequential(nn.Conv2d(into, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(self.norm1(self.conv1(x)))
        out = self.norm2(self.conv2(out))
        return torch.relu(out + self.shortcut(x))


class ResNet(nn.Module):
    """Stem, stages of basic blocks, average over space, linear layer."""

    def __init__(
        self, num_classes: int, in_channels: int, blocks: Sequence[int], width: int, normalize: nn.Module
    ) -> None:
        super().__init__()
        self.normalize = normalize
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.stages = nn.Sequential()
        into = width
        for stage, count in enumerate(blocks):
            out = width * 2**stage
            for i in range(count):
                stride = 2 if stage > 0 and i == 0 else 1
                self.stages.add_module(f"stage{stage + 1}_block{i + 1}", BasicBlock(into, out, stride))
                into = out
        self.average = nn.AdaptiveAvgPool2d(1)
        self.out = nn.Linear(into, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm1(self.conv1(self.normalize(x))))
        x = self.average(self.stages(x))
        logits: Tensor = self.out(x.flatten(1))
        return logits


@builder()
def resnet18(
    num_classes: int = 10,
    *,
    width: int = 64,
    in_channels: int = 3,
    image_size: int = 32,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> ResNet:
    """Four stages of two basic blocks, 64 to 512 channels: 11,173,962 parameters, 4,800 filters.

    With another `width`, the channels of the stem and of the first stage, all widths change in proportion.

    Raises:
        ModelError: an option that cannot be.
    Reference:
        He et al. 2016, Table 1 (18-layer), with a 3x3 stem of stride 1 and no pooling.
    """
    check_counts("resnet18", width=width)
    model = ResNet(num_classes, in_channels, (2, 2, 2, 2), width, normalization(mean, std))
    he_normal_(model, fan="fan_out")
    return model
