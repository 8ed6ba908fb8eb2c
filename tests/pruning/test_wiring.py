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
            kinds = ["plain", "residual", "pre_activation", "depthwise", "concat", "gate", "attention", "last"]
            kind = chance.choice([*kinds, "shuffle", "halves"] if channels % 2 == 0 else kinds)
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
        if kind == "attention":
            return nn.Sequential(nn.Linear(into, 12), nn.Linear(4, into))
        if kind == "last":
            return nn.Sequential(nn.LayerNorm(into), nn.Linear(into, 7), act(), nn.Linear(7, into))
        if kind == "halves":
            return nn.Sequential(nn.Conv2d(into // 2, into, 1), act())
        if kind == "shuffle":
            return nn.Sequential(nn.Conv2d(into, into, 3, padding=1, groups=2), norm(into), act())
        size = chance.choice([1, 3])
        groups = into if kind == "depthwise" else 1
        bias = chance.random() < 0.7
        conv = nn.Conv2d(into, out, size, padding=size // 2, groups=groups, bias=bias)
        return nn.Sequential(conv, norm(out), act())

    @staticmethod
    def _attends(piece: nn.Module, tokens: Tensor) -> Tensor:
        """Two heads, as wide as is left of them."""
        n, t, _ = tokens.shape
        query, key, value = piece[0](tokens).view(n, t, 3, 2, -1).permute(2, 0, 3, 1, 4)
        return piece[1](F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))

    def features(self, x: Tensor) -> Tensor:
        for kind, piece in zip(self.kinds, self.pieces):
            if kind == "gate":
                x = x * piece(x.mean((2, 3))).unsqueeze(-1).unsqueeze(-1)
            elif kind == "concat":
                x = torch.cat([x, piece(x)], 1)
            elif kind == "shuffle":
                x = piece(x).unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)
            elif kind == "halves":
                one, other = x.chunk(2, 1)
                x = piece(one * other)
            elif kind == "last":
                x = x + piece(x.movedim(1, -1)).movedim(-1, 1)
            elif kind == "attention":
                x = x + self._attends(piece, x.flatten(2).mT).mT.reshape(x.shape)
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
@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(8, 40))])
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
        for batch in (images(2), images(3)[:1], 0.1 * torch.cat([images(4), images(5)])):
            torch.testing.assert_close(small(batch), one(batch), rtol=0, atol=1e-4)
