"""An attack that knows of a detector: wrong, and as sure of it as the network is of untouched images.

A detector that looks at how far the outputs are from a one-hot vector is not noticed by whoever drives them to the
one-hot vector of a wrong class. That is one goal, not two: outputs that near a one-hot vector are of that class.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..values import Count, Radius, check_radius, value
from .balls import Norm, per_image, project, steepest
from .gradients import Forward, attacking, input_gradient
from .inputs import checked
from .losses import cross_entropy, runner_up
from .pgd import Stop
from .targets import classes_by_distance

Reading = Literal["raw", "softmax"]
"""What of a network's outputs is looked at: the outputs themselves, or the probabilities that softmax makes of them."""


def read(outputs: Tensor, reading: Reading) -> Tensor:
    """Outputs (batch, classes) as a detector reads them, float32."""
    return outputs.float() if reading == "raw" else outputs.float().softmax(1)


def one_hot_distance(outputs: Tensor, classes: Tensor) -> Tensor:
    """Euclidean distance of each row of (batch, classes) to the one-hot vector of its class, shape (batch,)."""
    off: Tensor = outputs - F.one_hot(classes, outputs.shape[1])
    away: Tensor = torch.linalg.vector_norm(off, dim=1)
    return away


@value
class Evading:
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
    """What is to look like a one-hot vector: raw outputs, as a network trained with the quadratic cost has them, or
    softmax probabilities. The measure `detection` sets it to what its detector reads.
    """
    targeted: bool = False
    """Take `y` as the class to reach instead of the class to leave; there is one run then."""

    def __post_init__(self) -> None:
        check_radius(self.eps, self.norm)

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """Adversarial images of the shape of `x`, float32 in [0, 1]; nothing is drawn.

        Raises:
            AttackError: `x` is not in [0, 1], or labels do not fit.
        """
        x, y = checked(x, y)
        with attacking(model) as forward:
            best, worth = x.clone(), x.new_full((len(x),), -torch.inf)
            for aim in [y] if self.targeted else classes_by_distance(forward, x, y, self.norm).T[: self.restarts]:
                found = self._towards(aim, forward, x, y)
                with torch.no_grad():
                    now = self._worth(forward(found), y)
                better = now > worth
                best[better], worth[better] = found[better], now[better]
        return best

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
        """One run, inside `attacking`: the best iterates, or for a stopped image the iterate at which it was stopped.

        Args:
            forward: outputs of float images.
            x: images, float32 (batch, ...) in [0, 1].
            y: labels, or classes to reach when `targeted`, int64 (batch,).
            eps: a radius for each image instead of `self.eps`, shape (batch,).
            live: which images to work on, bool (batch,); all of them by default.
            restart: which class to aim at, 0 = the nearest.
            stop: asked at every step which images are finished.
        """
        if self.targeted:
            return self._towards(y, forward, x, y, eps, live, stop)
        order = classes_by_distance(forward, x, y, self.norm)
        return self._towards(order[:, restart % order.shape[1]], forward, x, y, eps, live, stop)

    def _towards(
        self,
        aim: Tensor,
        forward: Forward,
        x: Tensor,
        y: Tensor,
        eps: Tensor | None = None,
        live: Tensor | None = None,
        stop: Stop | None = None,
    ) -> Tensor:
        """One run towards the one-hot vectors of the classes `aim`."""
        radius = x.new_full((len(x),), self.eps) if eps is None else eps
        live = torch.ones(len(x), dtype=torch.bool, device=x.device) if live is None else live.clone()
        x_adv, best = x.detach().clone(), x.detach().clone()
        worth = x.new_full((len(x),), -torch.inf)
        for step in range(self.steps + 1):
            rows = live.nonzero().squeeze(1)
            if not len(rows):
                break
            leaf = x_adv[rows].requires_grad_()
            outputs = forward(leaf)
            now, iterate = self._worth(outputs.detach(), y[rows]), leaf.detach()
            better = now > worth[rows]
            best[rows[better]], worth[rows[better]] = iterate[better], now[better]
            if stop is not None:
                done = stop(outputs.detach(), iterate, rows)
                best[rows[done]] = iterate[done]
                live[rows[done]] = False
            if step < self.steps:
                gradient = input_gradient(-self._distance(outputs, aim[rows]), leaf)
                length = per_image(radius[rows] * (1 - step / self.steps) ** 2, x)
                x_adv[rows] = project(
                    iterate + length * steepest(gradient, self.norm), x[rows], radius[rows], self.norm
                )
        return best

    def _distance(self, outputs: Tensor, aim: Tensor) -> Tensor:
        """What is descended, one number for each image: 0 at the one-hot vector of `aim`."""
        if self.outputs == "softmax":
            return cross_entropy(outputs, aim)
        return (outputs.float() - F.one_hot(aim, outputs.shape[1])).square().sum(1)

    def _worth(self, outputs: Tensor, y: Tensor) -> Tensor:
        """How good an image is, shape (batch,): the nearer to a wrong one-hot vector the better, and any misclassified
        image, above 0, better than any other.
        """
        seen = read(outputs, self.outputs)
        said = seen.argmax(1)
        hit = said == y if self.targeted else said != y
        far = one_hot_distance(seen, y if self.targeted else runner_up(seen, y).indices)
        return torch.where(hit, 1 / (1 + far), -far)
