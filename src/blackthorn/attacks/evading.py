"""An attack that knows of a detector: images become misclassified, with outputs as close to one-hot as clean ones have.

A detector that measures how far the outputs are from the nearest one-hot vector does not notice outputs that are close
to the one-hot vector of a wrong class. Being misclassified and being inconspicuous is one goal and not two: outputs
close to the one-hot vector of a class are outputs of that class.
"""

from dataclasses import replace
from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from ..values import Count, Radius, value
from .ball import Norm
from .gradients import input_gradient
from .losses import Reading as Reading
from .losses import cross_entropy, runner_up
from .problem import Problem
from .search import Search
from .targets import RIVALS


def read(outputs: Tensor, reading: Reading) -> Tensor:
    """Outputs (batch, classes) as a detector reads them, float32."""
    return outputs.float() if reading == "raw" else outputs.float().softmax(1)


def one_hot_distance(outputs: Tensor, classes: Tensor) -> Tensor:
    """Euclidean distance of each row of (batch, classes) to the one-hot vector of its class, shape (batch,)."""
    off: Tensor = outputs - F.one_hot(classes, outputs.shape[1])
    away: Tensor = torch.linalg.vector_norm(off, dim=1)
    return away


@value
class Evading(Search):
    """Projected gradient descent on the distance of the outputs to the one-hot vector of a wrong class.

    Run r aims at the r-th nearest class to first order; an image keeps, of all iterates of all runs, the misclassified
    one nearest to a one-hot vector. Steps shrink from the radius to nothing, with the square of the steps left, since
    how near counts here, not only whether a boundary is crossed. On softmax probabilities the squared distance has
    almost no slope where the network is sure, so cross-entropy towards the class is descended instead, which has the
    same minimum.

    Reference: Carlini and Wagner 2017, "Adversarial examples are not easily detected", sec. 2.3 (perfect knowledge);
    Tramer et al. 2020, "On adaptive attacks to adversarial example defenses".
    """

    kind: Literal["evading"] = "evading"
    norm: Norm = "linf"
    """Which ball: linf (largest change of a pixel) or l2 (Euclidean length of the change)."""
    eps: Radius
    """Radius of the ball, in pixels of [0, 1]: 8/255, not 8."""
    steps: Count = 40
    """Gradient steps in each run."""
    restarts: Count = 9
    """Runs, each towards another class: by default nine, which are all of ten. A run towards the nearest class alone
    leaves much undone, a second run towards the same class changes nothing.
    """
    outputs: Reading = "raw"
    """What is driven to a one-hot vector: raw outputs, which a network trained with the quadratic cost has near one, or
    softmax probabilities. The measure `detection` sets it to what its detector reads.
    """
    targeted: bool = False
    """Take `y` as the class to reach instead of the class to leave; there is one run then."""

    @property
    def effort(self) -> float:
        """A gradient for each step of each run."""
        return float(self.steps * self.restarts)

    def runs(self, classes: int) -> int:
        """One for each wrong class, since nothing is drawn."""
        return 1 if self.targeted else min(self.restarts, classes - 1, RIVALS)

    def against(self, reading: Reading) -> Self:
        """This attack, driving outputs as they are read to a one-hot vector."""
        return replace(self, outputs=reading)

    def search(self, problem: Problem) -> Tensor:
        """The best iterates of a run, or for a finished image the iterate at which it was finished."""
        x, y, live, ball = problem.x, problem.y, problem.live.clone(), problem.ball.each(problem.x)
        aim = y if self.targeted else problem.rivals[:, problem.run % problem.rivals.shape[1]]
        x_adv, best = x.detach().clone(), x.detach().clone()
        worth = x.new_full((len(x),), -torch.inf)
        for step in range(self.steps + 1):
            rows = live.nonzero().squeeze(1)
            if not len(rows):
                break
            leaf = x_adv[rows].requires_grad_()
            outputs = problem.forward(leaf)
            now, iterate = self.worth(outputs.detach(), y[rows]), leaf.detach()
            better = now > worth[rows]
            best[rows[better]], worth[rows[better]] = iterate[better], now[better]
            if problem.stop is not None:
                done = problem.stop(outputs.detach(), iterate, rows)
                best[rows[done]] = iterate[done]
                live[rows[done]] = False
            if step < self.steps:
                gradient = input_gradient(-self._distance(outputs, aim[rows]), leaf)
                stride = ball[rows].scaled((1 - step / self.steps) ** 2)
                x_adv[rows] = ball[rows].project(iterate + stride.steepest(gradient), x[rows])
        return best

    def worth(self, logits: Tensor, y: Tensor) -> Tensor:
        """The nearer to a wrong one-hot vector the better; a misclassified image, above 0, is better than any other."""
        seen = read(logits, self.outputs)
        said = seen.argmax(1)
        hit = said == y if self.targeted else said != y
        far = one_hot_distance(seen, y if self.targeted else runner_up(seen, y).indices)
        return torch.where(hit, 1 / (1 + far), -far)

    def _distance(self, outputs: Tensor, aim: Tensor) -> Tensor:
        """What is descended, one number for each image: 0 at the one-hot vector of `aim`."""
        if self.outputs == "softmax":
            return cross_entropy(outputs, aim)
        return (outputs.float() - F.one_hot(aim, outputs.shape[1])).square().sum(1)
