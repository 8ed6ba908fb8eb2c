"""The fast gradient sign method: one step of full length up the loss."""

from typing import Literal

from pydantic import Field
from torch import Tensor

from ..values import Radius, value
from .gradients import input_gradient
from .losses import Arithmetic, LossName, climbed, revision_of
from .problem import Problem
from .search import Search


@value
class FGSM(Search):
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
    arithmetic: Arithmetic = "exact"
    """How cross-entropy is computed. `naive` loses the true class where the network is sure, as published tables do:
    only for comparison with them.
    """

    @property
    def revision(self) -> int:
        """Higher where cross-entropy is climbed, since its gradients are exact."""
        return revision_of(self.loss, self.arithmetic)

    def search(self, problem: Problem) -> Tensor:
        """The step."""
        leaf = problem.x.detach().requires_grad_()
        loss = climbed(self.loss, problem.forward(leaf), problem.y, targeted=self.targeted, arithmetic=self.arithmetic)
        return problem.ball.project(problem.x + problem.ball.steepest(input_gradient(loss, leaf)), problem.x)
