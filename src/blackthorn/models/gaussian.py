"""A network whose weights are Gaussian: each has a mean and a deviation, and is drawn anew in every pass of training.

Reference: Blundell et al. 2015, "Weight uncertainty in neural networks"; Liu et al. 2019, "Adv-BNN: improved
adversarial defense through robust Bayesian neural network".
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from ..errors import ModelError, did_you_mean
from .builder import builder
from .parameters import ParameterGroup


class Gaussian(nn.Module):
    """Any network, with a deviation for each of its parameters: w = mean + softplus(rho) * n, n from N(0, 1).

    In train mode every pass draws all parameters once, norms and biases included. In eval mode the network is the one
    of the means; or, with `draws` above 0, the mean of the probabilities of so many drawn networks, which are the same
    in every pass, so that an attack follows the very network that is measured. Logits are then log probabilities.

    Departs: Liu et al. draw anew in every pass of a test too, and their attack follows one draw at each step.

    Args:
        mean: the network; its parameters become the means.
        prior: deviation of the prior N(0, prior²).
        rho: first value of every rho; the deviation is softplus(rho).
        draws: networks drawn in eval mode; 0 takes the means.
    """

    numbers_per_weight: ClassVar[int] = 2

    def __init__(self, mean: nn.Module, *, prior: float = 0.1, rho: float = -5.0, draws: int = 0) -> None:
        super().__init__()
        self.mean = mean
        self.prior, self.draws = prior, draws
        self.rho = nn.ParameterList(torch.full_like(parameter, rho) for parameter in mean.parameters())

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return self._drawn(x, None)
        if not self.draws:
            means: Tensor = self.mean(x)
            return means
        generators = (torch.Generator(x.device).manual_seed(draw) for draw in range(self.draws))
        logs = [self._drawn(x, generator).float().log_softmax(1) for generator in generators]
        return torch.stack(logs).logsumexp(0) - math.log(self.draws)

    def kl(self) -> Tensor:
        """KL(N(mean, deviation²) || N(0, prior²)) in nats, summed over all parameters of all layers: a scalar."""
        parts = []
        for mean, rho in zip(self.mean.parameters(), self.rho):
            deviation = F.softplus(rho)
            apart = (deviation.square() + mean.square()) / (2 * self.prior**2)
            parts.append((math.log(self.prior) - deviation.log() + apart - 0.5).sum())
        return torch.stack(parts).sum()

    def parameter_groups(self) -> list[ParameterGroup]:
        """The prior takes the place of weight decay."""
        return [ParameterGroup(self.parameters(), weight_decay=0.0)]

    def _drawn(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        drawn = {}
        for (name, mean), rho in zip(self.mean.named_parameters(), self.rho):
            noise = torch.empty_like(mean).normal_(generator=generator)
            drawn[name] = mean + F.softplus(rho) * noise
        logits: Tensor = functional_call(self.mean, drawn, (x,))
        return logits


def gaussian_over(builders: Mapping[str, Callable[..., nn.Module]]) -> Callable[..., nn.Module]:
    """The builder of Gaussian networks over these networks."""

    @builder()
    def gaussian(
        num_classes: int = 10,
        *,
        in_channels: int = 1,
        image_size: int = 28,
        network: str | Mapping[str, object] = "lenet5_caffe",
        prior: float = 0.1,
        rho: float = -5.0,
        draws: int = 0,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> Gaussian:
        """A network with Gaussian weights: `network` is the name of a built-in one, or a name as `kind` with options.

        The means begin as the weights of that network do. In tests it is the network of the means, or the ensemble of
        `draws` drawn networks. The ANP-VS paper takes a `prior` of 1 and a `rho` of -3 for LeNet, 0.1 and -5 for VGG.

        Raises:
            ModelError: no such network, or an option that cannot be.
        Reference:
            Liu et al. 2019, Adv-BNN, with softplus for the deviations as in the code of Madaan et al. 2020.
        """
        options = {"kind": network} if isinstance(network, str) else dict(network)
        kind = str(options.pop("kind", ""))
        if kind not in builders or kind == "gaussian":
            hint = did_you_mean(kind, [name for name in builders if name != "gaussian"])
            raise ModelError(f"gaussian: there is no network '{kind}'; {hint}")
        _check(prior, rho, draws)
        sizes = {"in_channels": in_channels, "image_size": image_size}
        try:
            inner = builders[kind](num_classes, **sizes, mean=mean, std=std, **options)
        except TypeError as problem:
            raise ModelError(f"gaussian: {problem}") from None
        return Gaussian(inner, prior=prior, rho=rho, draws=draws)

    return gaussian


def _check(prior: object, rho: object, draws: object) -> None:
    """Raises ModelError for numbers that cannot be."""
    numbers = [number for number in (prior, rho) if isinstance(number, (int, float)) and math.isfinite(number)]
    if len(numbers) < 2 or not isinstance(prior, (int, float)) or prior <= 0:
        raise ModelError(f"gaussian: prior must be a number above 0 and rho a number; got {prior!r} and {rho!r}")
    if not isinstance(draws, int) or isinstance(draws, bool) or not 0 <= draws <= 1000:
        raise ModelError(f"gaussian: draws must be a whole number from 0 to 1000; got {draws!r}")
