"""Ways to write a forward pass, each in a small network whose channels can all be followed."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ClassToken(nn.Module):
    """A token and positions that are learnt, hand-written attention whose heads are as many as fit."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.token, self.place = nn.Parameter(torch.randn(1, 1, 8)), nn.Parameter(torch.randn(1, 5, 8))
        self.norm, self.qkv, self.proj = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)
        self.last, self.out = nn.LayerNorm(8), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], dim=1) + self.place
        q, k, v = (one.unflatten(-1, (-1, 2)).transpose(1, 2) for one in self.qkv(self.norm(x)).chunk(3, dim=-1))
        shares = (q @ k.transpose(-2, -1) * 0.7).softmax(dim=-1)
        x = x + self.proj((shares @ v).transpose(1, 2).flatten(2))
        return self.out(self.last(x)[:, 0])


class NarrowHeads(nn.Module):
    """Three layers for queries, keys and values, and a number of heads that is written down: each gets narrower."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.out = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 5)
        self.query, self.key, self.value = nn.Linear(8, 12), nn.Linear(8, 12), nn.Linear(8, 12)
        self.proj = nn.Linear(12, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        n, t, _ = x.shape
        q, k, v = (layer(x).view(n, t, 3, -1).transpose(1, 2) for layer in (self.query, self.key, self.value))
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, t, -1))
        return self.out(x.mean(1))


class GroupedShuffle(nn.Module):
    """ShuffleNet: grouped 1x1, shuffle, depthwise, grouped 1x1, around a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.one, self.norm = nn.Conv2d(8, 16, 1, groups=2), nn.BatchNorm2d(16)
        self.deep, self.two = nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.Conv2d(16, 8, 1, groups=2)
        self.out = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = F.relu(self.norm(self.one(x)))
        n, c, h, w = y.size()
        y = y.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, -1, h, w)
        return self.out(F.relu(x + self.two(self.deep(y))).mean((2, 3)))


class Halves(nn.Module):
    """Slices and splits at shares of the channels, and one half that gates the other."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.mix, self.out = nn.Conv2d(3, 8, 3), nn.Conv2d(4, 12, 3), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        c = x.size(1)
        x = self.mix(x[:, : c // 2] * torch.sigmoid(x[:, c // 2 :]))
        one, other = x.split(x.shape[1] // 2, dim=1)
        return self.out((F.relu(one) * other).mean((2, 3)))


class Pieced(nn.Module):
    """Stacked branches, parameters seen through views, channels last when flattened, channels that become pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 8, 1)
        self.scale, self.shift = nn.Parameter(torch.rand(8)), nn.Parameter(torch.rand(1, 8))
        self.up, self.last, self.out = nn.PixelShuffle(2), nn.Conv2d(2, 6, 5, 4), nn.Linear(54, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.stack([self.one(x), self.two(x)], dim=1).sum(1)
        x = F.silu(x * (1 + self.scale.view(1, -1, 1, 1)) + self.shift[:, :, None, None])
        x = F.relu(self.last(self.up(x)))
        return self.out(x.permute(0, 2, 3, 1).flatten(1))


class Grown(nn.Module):
    """A vector that becomes maps, a product with a matrix, a sum over channels, a shortcut with channels of zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.conv, self.next = nn.Linear(192, 96), nn.Conv2d(6, 4, 3, padding=1), nn.Conv2d(4, 8, 1)
        self.matrix, self.out = nn.Parameter(torch.randn(8, 7)), nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(F.relu(self.hidden(x.flatten(1))).view(len(x), -1, 4, 4))
        x = F.relu(self.next(x) + F.pad(x, (0, 0, 0, 0, 1, 3)))
        x = F.normalize(x, dim=1) * x.sum(1, keepdim=True)
        return self.out(torch.relu(x.mean((2, 3)) @ self.matrix))


WIRINGS: list[type[nn.Module]] = [ClassToken, NarrowHeads, GroupedShuffle, Halves, Pieced, Grown]
