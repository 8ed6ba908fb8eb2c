"""The l2 moves of Square Attack: a peaked pattern in one window, paid for with the length of another."""

from functools import cache

import torch
from torch import Tensor

from .ball import per_image

Corner = tuple[int, int]


@cache
def pattern(side: int, *, turned: bool = False) -> Tensor:
    """Two peaks of opposite sign, one above the other, of length 1, (side, side).

    Reference: Andriushchenko et al. 2020, eq. 2 and sec. 3.4.
    """
    made = torch.zeros(side, side)
    made[: side // 2] = _peak(side // 2, side)
    made[side // 2 :] = -_peak(side - side // 2, side)
    made /= made.norm()
    return made.T.contiguous() if turned else made


def _peak(height: int, width: int) -> Tensor:
    """Nested rectangles about the middle, the k-th of weight 1 / k^2, of length 1."""
    made = torch.zeros(height, width)
    top, left = height // 2, width // 2
    for k in range(max(height // 2 + 1, width // 2 + 1)):
        made[max(top - k, 0) : min(top + k + 1, height), max(left - k, 0) : min(left + k + 1, width)] += (
            1 / (k + 1) ** 2
        )
    scaled: Tensor = made / made.norm().clamp_min(1e-12)
    return scaled


def first_l2(x: Tensor, eps: Tensor, signs: Tensor) -> Tensor:
    """A grid of patterns, of length eps in all; signs are taken from the stripes of linf, (channels, 1, width)."""
    height, width = x.shape[2:]
    side = max(1, height // 5)
    delta = torch.zeros(x.shape[1:])
    number = 0
    for top in range(0, height - side + 1, side):
        for left in range(0, width - side + 1, side):
            sign = signs[:, :, number % width]
            delta[:, top : top + side, left : left + side] = pattern(side, turned=number % 2 == 1) * sign[..., None]
            number += 1
    delta = delta / delta.norm().clamp_min(1e-12)
    begun: Tensor = (x + per_image(eps, x) * delta.to(x)).clamp_(0, 1)
    return begun


def propose_l2(
    x: Tensor, eps: Tensor, best: Tensor, side: int, to: Corner, off: Corner, signs: Tensor, turned: bool
) -> Tensor:
    """Empty the window at `off`, and give its length, and what of eps is not used, to the window at `to`.

    Reference: Andriushchenko et al. 2020, Algorithm 3. The whole is stretched to length eps before pixels are clipped,
    as in the reference implementation.
    """
    delta = best - x
    here = (..., slice(to[0], to[0] + side), slice(to[1], to[1] + side))
    there = (..., slice(off[0], off[0] + side), slice(off[1], off[1] + side))
    spare = (per_image(eps, x) ** 2 - _squares(delta).sum(1, keepdim=True)).clamp_min(0)
    before = _squares(delta)
    old = delta[here] / (_squares(delta[here]).sqrt() + 1e-12)
    delta[there] = 0
    freed = before - _squares(delta) + _squares(delta[here])
    new = old + pattern(side, turned=turned).to(x) * signs
    new = new / (_squares(new).sqrt() + 1e-12)
    delta[here] = new * (spare / x.shape[1] + freed).clamp_min(0).sqrt()
    length = per_image(delta.flatten(1).norm(dim=1), x) + 1e-12
    return (x + delta / length * per_image(eps, x)).clamp_(0, 1)


def _squares(delta: Tensor) -> Tensor:
    """Sum of squares in each channel, (batch, channels, 1, 1)."""
    return delta.square().sum((-2, -1), keepdim=True)
