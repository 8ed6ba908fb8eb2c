"""Bayesian networks: another loss, plus the divergence of the weights from their prior.

Reference: Blundell et al. 2015, "Weight uncertainty in neural networks"; Liu et al. 2019, "Adv-BNN: improved
adversarial defense through robust Bayesian neural network".
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ..errors import ModelError
from ..models import Gaussian
from ..values import NonNegative, value
from .adversarial import Adversarial
from .loss import Loss
from .standard import CrossEntropy, LinearQuadratic
from .trades import Trades


@value
class Variational:
    """Another loss of a network with Gaussian weights, plus `kl_weight` times KL(posterior || prior).

    The divergence is summed over all parameters of all layers, and paid once for all training images. With
    `adversarial` as the other loss it is Adv-BNN.

    The ANP-VS paper takes `kl_weight: 0.01`, Liu et al. 0.02.

    Departs: the published code of Adv-BNN takes the divergence of the last layer only, by mistake.
    """

    kind: Literal["variational"] = "variational"
    on: Annotated[CrossEntropy | LinearQuadratic | Adversarial | Trades, Field(discriminator="kind")] = CrossEntropy()
    """The other loss."""
    kl_weight: NonNegative = 1.0
    """Weight of the divergence; 1 is the negative evidence lower bound."""

    @property
    def revision(self) -> int:
        """That of the other loss."""
        return self.on.revision

    @property
    def passes(self) -> float:
        """Forward and backward passes of one image in a training step."""
        return self.on.passes

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Loss:
        """Loss at images `x` (batch, channels, height, width) in [0, 1] with labels `y` (batch,).

        Raises:
            ModelError: no weight of the network is Gaussian.
        """
        found = [module.kl() for module in model.modules() if isinstance(module, Gaussian)]
        if not found:
            raise ModelError(
                f"{type(model).__name__} has no Gaussian weights; write model: {{kind: gaussian, network: ...}}"
            )
        divergence = torch.stack(found).sum()
        loss = self.on(model, x, y)
        parts = loss.parts | {"divergence": divergence.detach()}
        return Loss(loss.total, parts, once=self.kl_weight * divergence)
