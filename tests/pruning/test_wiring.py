"""Shrunk == masked on networks that are wired at random, with zeros put in at random."""

import copy
import random

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn.pruning import FilterNorm, prune, shrink

from ..channels.networks import images, lively


class Wired(nn.Module):
    """Two to six pieces, each of a kind drawn at random, then a linear head on the flattened maps."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        chance = random.Random(seed)
        self.kinds: list[str] = []
        self.pieces = nn.ModuleList()
        channels = 3
        for _ in range(chance.randint(2, 6)):
            kind = chance.choice(["plain", "residual", "pre_activation", "depthwise", "concat", "gate"])
            out = chance.randint(2, 6) if kind in ("plain", "concat") else channels
            self.kinds.append(kind)
            self.pieces.append(self._piece(chance, kind, channels, out))
            channels = channels + out if kind == "concat" else out
        self.pool = chance.choice([nn.MaxPool2d(2), nn.AvgPool2d(3, 2, padding=1), nn.Identity()])
        with torch.no_grad():
            features = self.features(images()).flatten(1).shape[1]
        self.head = nn.Sequential(nn.Linear(features, 7), nn.Sigmoid(), nn.Linear(7, 4))

    @staticmethod
    def _piece(chance: random.Random, kind: str, into: int, out: int) -> nn.Module:
        norm = chance.choice([nn.BatchNorm2d, nn.Identity])
        act = chance.choice([nn.ReLU, nn.Sigmoid, nn.SiLU, nn.Hardtanh, nn.LeakyReLU])
        if kind == "gate":
            return nn.Sequential(nn.Linear(into, 3), nn.ReLU(), nn.Linear(3, into), nn.Sigmoid())
        if kind == "pre_activation":
            inner = nn.Conv2d(into, 4, 3, padding=1, bias=False)
            return nn.Sequential(norm(into), act(), inner, norm(4), act(), nn.Conv2d(4, into, 1))
        size = chance.choice([1, 3])
        groups = into if kind == "depthwise" else 1
        bias = chance.random() < 0.7
        conv = nn.Conv2d(into, out, size, padding=size // 2, groups=groups, bias=bias)
        return nn.Sequential(conv, norm(out), act())

    def features(self, x: Tensor) -> Tensor:
        for kind, piece in zip(self.kinds, self.pieces):
            if kind == "gate":
                x = x * piece(x.mean((2, 3))).unsqueeze(-1).unsqueeze(-1)
            elif kind == "concat":
                x = torch.cat([x, piece(x)], 1)
            elif kind == "residual":
                x = F.relu(x + piece(x))
            else:
                x = x + piece(x) if kind == "pre_activation" else piece(x)
        pooled: Tensor = self.pool(x - 0.5)
        return pooled

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x).reshape(x.shape[0], -1))
        return logits


def zero_at_random_(model: nn.Module) -> None:
    """Zero rows of weights, half of them with their bias: the others become constants."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                rows = torch.rand(len(module.weight)) < 0.4
                module.weight[rows] = 0
                if module.bias is not None:
                    module.bias[rows & (torch.rand(len(rows)) < 0.5)] = 0


@pytest.mark.filterwarnings("ignore:left whole")  # what is added to the image itself
@pytest.mark.parametrize("seed", range(25))
def test_shrink_proves_itself_on_random_wirings(seed: int) -> None:
    torch.manual_seed(seed)
    model = lively(Wired(seed))
    units = FilterNorm(include_linear=True)
    zeroed = copy.deepcopy(model)
    zero_at_random_(zeroed)
    for coupled in (False, True, None):
        one = copy.deepcopy(model) if coupled is not None else zeroed
        if coupled is not None:
            prune(one, units, sparsity=0.5, scope="per_layer", coupled=coupled, x=images())
        small = shrink(one, None, example=images())
        assert sum(p.numel() for p in small.parameters()) <= sum(p.numel() for p in one.parameters())
        torch.testing.assert_close(small(images(2)), one(images(2)), rtol=0, atol=1e-4)
