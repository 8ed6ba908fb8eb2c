"""Learning which units a network can do without: objectives for networks with gates (`blackthorn.gates`).

Reference: Lee et al. 2018, "Adaptive network sparsification with dependent variational beta-Bernoulli dropout";
Madaan et al. 2020, "Adversarial neural pruning with latent vulnerability suppression", algorithm 1 and code.
"""

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ..errors import ModelError
from ..gates import GATES, gates_of
from ..values import NonNegative, value
from .adversarial import Adversarial
from .loss import Loss
from .standard import CrossEntropy, LinearQuadratic


@value
class BayesianPruning:
    """Another loss plus the divergence of the gates from their prior, which weights and gates minimise together.

    The divergence is paid once for all training images, so that the whole is the negative evidence lower bound of an
    image. With cross-entropy on clean images it is the BP of Madaan et al. 2020.
    """

    kind: Literal["bayesian_pruning"] = "bayesian_pruning"
    gated: ClassVar[bool] = True
    """The network must have gates."""
    on: Annotated[CrossEntropy | LinearQuadratic | Adversarial, Field(discriminator="kind")] = CrossEntropy()
    """The other loss."""
    kl_weight: NonNegative = 1.0
    """Weight of the divergence: the larger, the more gates close."""

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
            ModelError: the network has no gates.
        """
        divergence, parts = _of_gates(model)
        loss = self.on(model, x, y)
        return Loss(loss.total, loss.parts | parts, once=self.kl_weight * divergence)


@value
class AdversarialPruning:
    """Weights minimise one loss; gates that on adversarial images, plus their divergence from the prior.

    Both gradients are taken at the same weights and gates, on the same two passes, with the same draws of the gates.
    The attack sees the expected gates. This is ANP; where `weights` has a `vulnerability`, it is ANP-VS. The gates
    never see the vulnerability itself.

    The paper's settings for MNIST are `weights: {clean_weight: 1/3, adv_weight: 2/3, vulnerability: 1e-3}`,
    `kl_weight: 4`, from a network that was trained on clean images; for CIFAR-10 a `vulnerability` of 1e-4 and
    a `kl_weight` of 2, for CIFAR-100 0.1 and 1.
    """

    kind: Literal["adversarial_pruning"] = "adversarial_pruning"
    gated: ClassVar[bool] = True
    """The network must have gates."""
    weights: Adversarial
    """What the weights minimise; the gates minimise the loss on the same adversarial images."""
    kl_weight: NonNegative = 1.0
    """Weight of the divergence in the loss of the gates: the larger, the more gates close."""
    same_draws: bool = True
    """Whether clean and adversarial images meet the same draws of gates and dropout, so that only the attack changes
    features. The authors' code draws anew."""

    @property
    def revision(self) -> int:
        """That of what the weights minimise."""
        return self.weights.revision

    @property
    def passes(self) -> float:
        """Forward and backward passes of one image in a training step; the gates go back through one pass more."""
        return self.weights.passes + 1.0

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Loss:
        """Loss at images `x` (batch, channels, height, width) in [0, 1] with labels `y` (batch,).

        Raises:
            ModelError: the network has no gates.
        """
        divergence, parts = _of_gates(model)
        passed = self.weights.passed(model, x, y, both=True, alike=self.same_draws)
        loss = self.weights.weigh(passed)
        assert passed.adversarial is not None  # both passes were asked for
        gates = Loss(passed.adversarial.total, once=self.kl_weight * divergence)
        return Loss(loss.total, loss.parts | parts, own={GATES: gates})


def _of_gates(model: nn.Module) -> tuple[Tensor, dict[str, Tensor]]:
    """The divergence of all gates, with gradients, and what the history shows of them."""
    gates = gates_of(model)
    if not gates:
        raise ModelError(f"{type(model).__name__} has no gates to train; insert them first (step: {{kind: gate}})")
    divergence = torch.stack([gate.kl() for gate in gates]).sum()
    active = torch.cat([gate.active() for gate in gates]).float().mean()
    return divergence, {"divergence": divergence.detach(), "open": active}
