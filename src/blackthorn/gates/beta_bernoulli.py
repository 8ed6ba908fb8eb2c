"""Beta-Bernoulli dropout: how often each unit is kept is learnt, under a prior that wants nearly all of them gone.

Reference: Lee et al. 2018, "Adaptive network sparsification with dependent variational beta-Bernoulli dropout";
constants from the code of Madaan et al. 2020, "Adversarial neural pruning with latent vulnerability suppression".
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models import ParameterGroup
from ..speed.whole_batch import drawn
from ..values import NonNegative, Number, Positive, value
from .gate import GATES

_EULER = 0.577215664901532
_LEAST, _MOST_B = -10.0, 50.0  # bounds of the raw parameters before softplus, as in the authors' code
_TINY = 1e-20  # floor of what a logarithm is taken of, as in the authors' code
_UNIFORM = (1e-10, 1 - 2.0**-24)  # the authors' bounds, of which the upper one is 1 in float32: the largest below it
_BISECTIONS = 50


@value
class BetaBernoulli:
    """Each unit is kept with a probability pi of its own, which has a Kumaraswamy(a, b) posterior.

    In training, one pi is drawn for each unit and forward pass, and one mask for each image, from the concrete
    distribution with this pi. In eval mode a unit is multiplied by the expectation of pi, and by exactly 0 where this
    is at most `threshold`. What is kept is not scaled up.

    The prior is Beta(alpha/K, 1) with alpha/K given as one number.
    """

    kind: Literal["beta_bernoulli"] = "beta_bernoulli"
    lr: NonNegative = 1e-2
    """Learning rate of the gates at the start, which the schedule multiplies; their weights do not decay. In a short
    run gates need a larger one to close: Adam moves a parameter by at most its rate in a step."""
    a: Number = -1.0
    """First value of the raw parameter of a, before softplus; 2 for the convolutions of VGG-16 (Madaan et al.). A unit
    closes at about -6.9."""
    b: Number = 0.5413
    """First value of the raw parameter of b, before softplus: b is 1."""
    prior: Positive = 1e-4
    """alpha/K: the smaller, the more is closed."""
    temperature: Positive = 0.1
    """Of the concrete distribution: the smaller, the closer are masks to 0 or 1."""
    threshold: Positive = 1e-3
    """A unit whose expectation is at most this is closed."""

    def __call__(self, units: int) -> "BetaBernoulliGate":
        """A gate for so many units."""
        return BetaBernoulliGate(units, self)


class BetaBernoulliGate(nn.Module):
    """The gate that `BetaBernoulli` describes: two raw parameters for each unit."""

    def __init__(self, units: int, options: BetaBernoulli) -> None:
        super().__init__()
        self.options = options
        self.a = nn.Parameter(torch.full((units,), options.a))
        self.b = nn.Parameter(torch.full((units,), options.b))

    def sample(self, batch: int) -> Tensor:
        """A mask for each example, (batch, units) in [0, 1]; one keep probability for each unit is behind all."""
        a, b = _positive(self.a, self.b)
        uniform = torch.rand_like(self.a).clamp(*_UNIFORM)
        # pi = (1 - u^(1/b))^(1/a), whose powers would underflow, by its logarithm
        log_pi = (-torch.expm1(uniform.log() / b)).log() / a
        log_pi = log_pi.clamp(math.log(_TINY), -_TINY)
        logit = log_pi - (-torch.expm1(log_pi)).log()
        uniform = drawn(lambda images: self.a.detach().new_empty(images, len(self.a)).uniform_(), batch)
        noise = uniform.logit(_TINY)
        return ((noise + logit) / self.options.temperature).sigmoid()

    def expected(self) -> Tensor:
        """E[pi], (units,), and 0 where a unit is closed."""
        mean = self._mean(self.a, self.b)
        return torch.where(mean > self.options.threshold, mean, 0.0).to(self.a.dtype)

    def kl(self) -> Tensor:
        """KL(Kumaraswamy(a, b) || Beta(prior, 1)) in nats, summed over the units.

        Reference: Nalisnick and Smyth 2017, "Stick-breaking variational autoencoders", appendix; the prior's second
        parameter is 1, so that the series in it vanishes.
        """
        a, b = _positive(self.a, self.b)
        prior = self.options.prior
        inner = (1 - prior / a) * (-_EULER - torch.digamma(b) - 1 / b)
        return (inner + (a * b / prior).log() - (b - 1) / b).sum()

    @torch.no_grad()
    def active(self) -> Tensor:
        """Whether the expectation of each unit is above the threshold, bool (units,)."""
        return self._mean(self.a, self.b) > self.options.threshold

    @torch.no_grad()
    def to_close(self) -> Tensor:
        """The t at which a unit with raw parameters a - t and b + t is closed, (units,); inf where none does it."""
        near, far = torch.zeros_like(self.a, dtype=torch.float64), torch.full_like(self.a, 1e3, dtype=torch.float64)
        never = self._mean(self.a - far, self.b + far) > self.options.threshold
        for _ in range(_BISECTIONS):
            middle = (near + far) / 2
            closed = self._mean(self.a - middle, self.b + middle) <= self.options.threshold
            near, far = torch.where(closed, near, middle), torch.where(closed, middle, far)
        return torch.where(self.active(), far, 0.0).masked_fill(never, math.inf)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Gates learn at their own rate and do not decay."""
        return [ParameterGroup([self.a, self.b], lr=self.options.lr, weight_decay=0.0, name=GATES)]

    def extra_repr(self) -> str:
        """As the options are written."""
        return f"{len(self.a)} units, {self.options!r}"

    @staticmethod
    def _mean(a: Tensor, b: Tensor) -> Tensor:
        """b * Gamma(1 + 1/a) * Gamma(b) / Gamma(1 + 1/a + b), in float64: the logarithms reach 1e5 and cancel."""
        a, b = _positive(a.double(), b.double())
        first = 1 + 1 / a
        return b * torch.exp(torch.lgamma(first) + torch.lgamma(b) - torch.lgamma(first + b))


def _positive(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    return F.softplus(a.clamp(min=_LEAST)), F.softplus(b.clamp(_LEAST, _MOST_B))
