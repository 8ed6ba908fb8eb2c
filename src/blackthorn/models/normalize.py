"""Normalisation inside the network, so that attacks always see pixels in [0, 1]."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..errors import ModelError


class Normalize(nn.Module):
    """`(x - mean) / std` per channel; the first module of a network that wants normalised images.

    A radius keeps its meaning (pixels in [0, 1]) whatever a network does with its input.

    Args:
        mean: one number per channel, or a single one for all of them, in pixels of [0, 1].
        std: as `mean`; above 0.
    Raises:
        ModelError: not as many means as deviations, or a deviation that is not above 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != len(std) or not len(mean):
            raise ModelError(f"Normalize: {len(mean)} means and {len(std)} deviations; write one of each per channel")
        if not min(std) > 0:
            raise ModelError(f"Normalize: std must be above 0; got {list(std)}")
        self.register_buffer("mean", torch.tensor(list(mean), dtype=torch.float32).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(list(std), dtype=torch.float32).view(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std

    def extra_repr(self) -> str:
        return f"mean={self.mean.flatten().tolist()}, std={self.std.flatten().tolist()}"


def normalization(mean: Sequence[float] | None, std: Sequence[float] | None) -> nn.Module:
    """A `Normalize`, or a module that does nothing if mean and std are not given."""
    return nn.Identity() if mean is None or std is None else Normalize(mean, std)


def normalized(
    mean: Sequence[float] | None, std: Sequence[float] | None, layers: "OrderedDict[str, nn.Module]"
) -> nn.Sequential:
    """The layers in order, behind a `Normalize` named `normalize` if mean and std are given."""
    if mean is None or std is None:
        return nn.Sequential(layers)
    return nn.Sequential(OrderedDict([("normalize", Normalize(mean, std)), *layers.items()]))
