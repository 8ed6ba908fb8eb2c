"""Adversarial training: minimise the loss on images that an attack has changed, and on clean ones."""

import math
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ..attacks import AnyAttack, Problem
from ..attacks.search import lent
from ..channels import captured
from ..speed.whole_batch import drawn
from ..values import NonNegative, value
from .clean import CleanObjective
from .features import taps
from .loss import Loss
from .standard import CrossEntropy
from .vulnerability import vulnerability


@value
class Adversarial:
    """Weighted sum of the loss on clean images, of that on their adversarial versions, and of vulnerability.

    The attack sees the network in eval mode (running statistics, no dropout), the update in train mode; clean and
    adversarial images pass through the network separately, each with its own batch statistics. No gradient flows
    through the attack.

    `clean_weight=0, adv_weight=1` is Madry et al. 2018. Halves, the default, are our reading of Wang et al. 2018,
    who say only that both enter each epoch. Kurakin et al. 2017 ("Adversarial machine learning at scale") weigh the
    adversarial half 0.3.

    With `vulnerability` above 0 the change of the hidden features between the two passes is minimised too. It is taken
    from the same two passes, which then draw the same random numbers (dropout), so that only the attack changes the
    features. `clean_weight=1/3, adv_weight=2/3, vulnerability=1e-3` is the AT-VS of Madaan et al. 2020 for MNIST;
    their code makes two more passes, with random numbers of their own.
    """

    kind: Literal["adversarial"] = "adversarial"
    attack: AnyAttack
    """What makes the adversarial images; its restarts are not used in training."""
    clean_weight: NonNegative = 0.5
    adv_weight: NonNegative = 0.5
    eps_sampling: Literal["fixed", "truncated_gaussian"] = "fixed"
    """`truncated_gaussian` draws a radius for each image from |N(0, eps/2)| cut off at eps (Kurakin et al. 2017;
    Wang et al. 2018).
    """
    label: Literal["true", "predicted"] = "true"
    """The label that the attack moves away from. With `true`, FGSM training can leak labels into the images (Kurakin
    et al. 2017, sec. 3).
    """
    on: Annotated[CleanObjective, Field(discriminator="kind")] = CrossEntropy()
    """The loss that is minimised on both."""
    vulnerability: NonNegative = 0.0
    """Weight of the mean absolute change of the features of all hidden layers (Madaan et al. 2020)."""

    def __post_init__(self) -> None:
        if self.clean_weight + self.adv_weight == 0:
            raise ValueError("clean_weight and adv_weight are both 0; nothing would be trained")
        if self.attack.targeted:
            raise ValueError("training wants an attack that leaves the true label: remove targeted: true")

    @property
    def revision(self) -> int:
        """That of the attack."""
        return self.attack.revision

    @property
    def passes(self) -> float:
        """Forward and backward passes of one image in a training step."""
        return 6.0 + 2.0 * self.attack.effort

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Loss:
        """Loss at images `x` (batch, channels, height, width) in [0, 1] with labels `y` (batch,)."""
        return self.weigh(self.passed(model, x, y))

    def passed(self, model: nn.Module, x: Tensor, y: Tensor, *, both: bool = False, alike: bool = False) -> "Passed":
        """What the two passes of a step give, unweighed.

        Args:
            model: any network.
            x: images (batch, channels, height, width) in [0, 1].
            y: labels (batch,).
            both: run both passes, also one whose weight is 0.
            alike: let both draw the same random numbers, as they do for the vulnerability in any case.
        """
        x_adv = self.perturb(model, x, y) if both or self.adv_weight or self.vulnerability else None
        places = taps(model, x) if self.vulnerability else ()
        alike = alike or bool(places)
        with torch.random.fork_rng([x.device] if x.is_cuda else [], enabled=alike), captured(model, places) as moved:
            adversarial = None if x_adv is None else self.on(model, x_adv, y)
        if not (both or self.clean_weight or places):
            return Passed(None, adversarial, None)
        with captured(model, places) as features:  # where alike, the generator is back where the pass above found it
            clean = self.on(model, x, y)
        return Passed(clean, adversarial, vulnerability(features, moved) if places else None)

    def weigh(self, passed: "Passed") -> Loss:
        """The weighted sum of what the passes gave."""
        terms: list[Tensor] = []
        parts: dict[str, Tensor] = {}
        if passed.clean is not None:
            terms.append(self.clean_weight * passed.clean.total)
            parts |= passed.clean.parts
        if passed.adversarial is not None:
            terms.append(self.adv_weight * passed.adversarial.total)
            parts |= {f"adversarial_{name}": part for name, part in passed.adversarial.parts.items()}
            if passed.clean is None:
                parts["accuracy"] = passed.adversarial.parts["accuracy"]
        if passed.suppressed is not None:
            terms.append(self.vulnerability * passed.suppressed)
            parts["vulnerability"] = passed.suppressed.detach()
        return Loss(reduce(add, terms), parts)

    def perturb(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """The adversarial images of one training step."""
        ball = self.attack.ball
        if self.eps_sampling == "truncated_gaussian":
            ball = replace(ball, eps=truncated_gaussian(self.attack.eps, len(x), x.device))
        with lent(model, self.attack, x) as forward:
            if self.label == "predicted":
                with torch.no_grad():
                    y = forward(x).argmax(1)
            return self.attack.search(Problem.of_all(forward, x, y, ball)).detach()


@dataclass(frozen=True)
class Passed:
    """What the passes of one step gave; None where there was no such pass."""

    clean: Loss | None
    adversarial: Loss | None
    suppressed: Tensor | None
    """The vulnerability of the network in these two passes."""


def truncated_gaussian(eps_max: float, n: int, device: torch.device | str = "cpu") -> Tensor:
    """`n` radii from a Gaussian of mean 0 and deviation eps_max/2 truncated to [0, eps_max], by inverse
    distribution function.

    Their mean is 0.3614 * eps_max.

    Reference: Wang et al. 2018, sec. 3, after Kurakin et al. 2017, sec. 3.
    """
    scale = eps_max / 2 * math.sqrt(2)
    uniform = drawn(lambda images: torch.rand(images, device=device, dtype=torch.float64), n)
    # erf(sqrt(2)) is erf(eps_max / scale): what is left of the distribution after the cut at two deviations
    return (scale * torch.erfinv(uniform * math.erf(math.sqrt(2)))).clamp(0, eps_max).float()
