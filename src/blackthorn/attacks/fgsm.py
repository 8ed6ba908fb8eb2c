"""The fast gradient sign method: one step of full length up the loss."""

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from ..values import Radius, check_radius, value
from .balls import per_image, project, steepest
from .gradients import Forward, attacking, input_gradient
from .inputs import checked
from .losses import LOSSES, LossName
from .pgd import Stop


@value
class FGSM:
    """The fast gradient sign method: `clip(x + eps * sign(gradient of the loss), 0, 1)`.

    The cheapest attack and the weakest: use it for comparison with published tables, PGD to learn how robust a
    network is.

    Reference: Goodfellow et al. 2015, "Explaining and harnessing adversarial examples", sec. 4.
    """

    kind: Literal["fgsm"] = "fgsm"
    eps: Radius = Field(kw_only=False)
    """Largest change of a pixel, in pixels of [0, 1]: 8/255, not 8. `FGSM(0.1)` will do."""
    targeted: bool = False
    """Take `y` as the class to reach instead of the class to leave."""
    loss: LossName = "ce"
    """What to climb: ce (cross-entropy), margin, or quadratic (distance to the one-hot label)."""

    def __post_init__(self) -> None:
        check_radius(self.eps)

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """Adversarial images of the shape of `x`, float32 in [0, 1].

        Raises:
            AttackError: `x` is not in [0, 1], or labels do not fit.
        """
        x, y = checked(x, y)
        with attacking(model) as forward:
            return self.search(forward, x, y)

    def search(
        self,
        forward: Forward,
        x: Tensor,
        y: Tensor,
        *,
        eps: Tensor | None = None,
        live: Tensor | None = None,
        restart: int = 0,
        stop: Stop | None = None,
    ) -> Tensor:
        """The step, inside `attacking`; `eps` gives a radius for each image. Nothing to restart or to stop early."""
        del live, restart, stop
        radius = x.new_full((len(x),), self.eps) if eps is None else eps

        leaf = x.detach().requires_grad_()
        loss = LOSSES[self.loss](forward(leaf), y)
        gradient = input_gradient(-loss if self.targeted else loss, leaf)
        return project(x + per_image(radius, x) * steepest(gradient, "linf"), x, radius, "linf")
