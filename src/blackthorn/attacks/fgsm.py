"""The fast gradient sign method: one step of full length up the loss."""

from typing import Literal

from torch import Tensor, nn

from ..values import Radius, check_radius, value
from .balls import Eps, per_image, project, steepest
from .gradients import Forward, attacking, input_gradient
from .losses import LOSSES, LossName
from .pgd import Stop


@value
class FGSM:
    """The fast gradient sign method: `clip(x + eps * sign(gradient of the loss), 0, 1)`.

    The cheapest attack and the weakest: use it for comparison with published tables, PGD to learn how robust a network is.

    Reference: Goodfellow et al. 2015, "Explaining and harnessing adversarial examples", sec. 4.
    """

    kind: Literal["fgsm"] = "fgsm"
    eps: Radius
    """Largest change of a pixel, in pixels of [0, 1]: 8/255, not 8."""
    targeted: bool = False
    """Take `y` as the class to reach instead of the class to leave."""
    loss: LossName = "ce"
    """What to climb: ce (cross-entropy), margin, or quadratic (distance to the one-hot label)."""

    def __post_init__(self) -> None:
        check_radius(self.eps)

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """Adversarial images of the shape of `x`, float32 in [0, 1]."""
        with attacking(model) as forward:
            return self.search(forward, x, y)

    def search(
        self,
        forward: Forward,
        x: Tensor,
        y: Tensor,
        *,
        eps: Eps | None = None,
        start: Tensor | None = None,
        restart: int = 0,
        stop: Stop | None = None,
    ) -> Tensor:
        """The step, inside `attacking`; `eps` gives a radius for each image. There is nothing to restart or stop early."""
        del start, restart, stop
        radius: Eps = self.eps if eps is None else eps

        def objective(z: Tensor) -> tuple[Tensor, Tensor]:
            logits = forward(z)
            loss = LOSSES[self.loss](logits, y)
            return logits, -loss if self.targeted else loss

        _, gradient = input_gradient(objective, x)
        return project(x + per_image(radius, x) * steepest(gradient, "linf"), x, radius, "linf")
