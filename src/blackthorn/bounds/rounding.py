"""What floating point may have changed, bounded from above, so that a proof survives it.

A sum of n products comes out with an error of at most gamma(n) = n u / (1 - n u) times the sum of their absolute
values, in whatever order they are added and whether or not they are fused; u is half the spacing of floats above 1,
2^-53 in float64. Bounds are computed with such errors added on their unsafe side, so what is proved is proved for the
network in exact arithmetic, with the weights that it has.

A network that runs in float32 is another function, by its own rounding. With the claim `rounded`, u = 2^-24 enters each
layer in the same way, and a proof holds for the network as it runs too. That leaves out kernels that transform their
input first (Winograd, FFT) or round it (TF32, bfloat16): they keep no such promise.

Both errors are multiples of one quantity, the layer with absolute weights at the largest absolute inputs, so one factor
holds both.

Reference: Higham 2002, Accuracy and Stability of Numerical Algorithms, sec. 3.1 (gamma) and 2.1 (underflow). Jia &
Rinard 2021, Exploiting Verified Neural Networks via Floating Point Numerical Error, on what happens without.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

Claim = Literal["exact", "rounded"]
"""What a bound holds for: the network in exact arithmetic; or that, and the network as its floats run."""


@dataclass(frozen=True)
class Rounding:
    """Unit roundoffs of the network's arithmetic and of the bounds' own; zeros for exact arithmetic."""

    run: float
    own: float
    tiny: float
    """What underflow can change in one operation: the smallest normal number, as some processors flush to zero."""
    most: float = math.inf
    """The largest number that the network can hold; beyond it nothing is claimed."""

    def overflowing(self, size: Tensor, noise: Tensor) -> Tensor:
        """The noise, and infinity where sums of such absolute size may overflow as the network runs."""
        return torch.where(size > self.most, torch.inf, noise) if self.run else noise

    def factor(self, run: int, own: int) -> float:
        """Relative error of a sum of `run` terms in the network, plus that of bounding it by sums of `own` terms.

        Bounding takes a centre, a radius and their difference: three sums, each of at most three times the absolute
        sum; four sums with eight more operations in each is above that.
        """
        return _gamma(run + 2, self.run) + 4 * _gamma(own + 8, self.own)


EXACT = Rounding(0.0, 0.0, 0.0)
"""For training, where a bound guides and proves nothing."""


def rounding_of(model: nn.Module, own: torch.dtype, claim: Claim) -> Rounding:
    """The rounding of a network as its weights are typed, bounded in type `own`."""
    weight = next((tensor for tensor in model.parameters() if tensor.is_floating_point()), torch.zeros(0))
    of_run, of_own = torch.finfo(weight.dtype), torch.finfo(own)
    if claim == "exact":
        return Rounding(0.0, of_own.eps / 2, of_own.tiny)
    return Rounding(of_run.eps / 2, of_own.eps / 2, max(of_run.tiny, of_own.tiny), of_run.max)


def _gamma(n: int, u: float) -> float:
    return n * u / (1 - n * u) if n * u < 1 else math.inf
