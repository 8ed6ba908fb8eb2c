"""Networks that train in milliseconds, and the images they train on."""

import torch
from torch import Tensor, nn

from blackthorn.data import ImageSet, Splits, pixels, stripes
from blackthorn.gates import insert_gates
from blackthorn.models import ParameterGroup

from ..attacks.networks import cnn


def splits() -> Splits:
    return stripes(train=120, valid=40, test=40)


def images() -> ImageSet:
    return splits().train


def small(seed: int = 0) -> nn.Sequential:
    """A network with a norm, in train mode."""
    return cnn(seed=seed).train()


def forgetful(seed: int = 0) -> nn.Sequential:
    """A network with dropout."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 4))


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same_bits(a: nn.Module, b: nn.Module) -> bool:
    mine, other = a.state_dict(), b.state_dict()
    return mine.keys() == other.keys() and all(torch.equal(mine[name], other[name]) for name in mine)


class Scaled(nn.Module):
    """Multiplies each channel by a number that learns at its own rate and does not decay, as a gate does."""

    def __init__(self, channels: int, **options: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, channels))
        self.options = {"lr": 0.03, "weight_decay": 0.0} | options

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale

    def parameter_groups(self) -> list[ParameterGroup]:
        return [ParameterGroup([self.scale], **self.options)]


def scaled(seed: int = 0, **options: float) -> nn.Sequential:
    """A network, one of whose modules has a learning rate of its own."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), Scaled(16, **options), nn.Linear(16, 4))


def gated(seed: int = 0) -> nn.Module:
    """A network with gates, in train mode."""
    return insert_gates(small(seed), pixels(images().x[:1]))


class Residual(nn.Module):
    """Two layers that add to one stream."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.out = nn.Conv2d(1, 6, 3), nn.Conv2d(6, 6, 3, padding=1), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.one(x).relu()
        return self.out((x + self.two(x)).relu().mean((2, 3)))


def residual(seed: int = 0) -> nn.Module:
    """A network whose gate is shared by two layers."""
    torch.manual_seed(seed)
    return insert_gates(Residual(), pixels(images().x[:1]))
