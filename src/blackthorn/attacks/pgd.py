"""Projected gradient descent: many small steps up the loss, each projected back into the ball."""

from typing import Literal

import torch
from torch import Tensor, nn

from ..values import Count, Number, Positive, Radius, value
from .ball import Norm
from .gradients import input_gradient
from .losses import Arithmetic, LossName, climbed, margin, revision_of
from .problem import Problem
from .search import Search
from .targets import classes_by_distance
from .thinning import thinned


@value
class PGD(Search):
    """Projected gradient descent, the standard first-order attack.

    Use `loss="margin"` for a number to publish: cross-entropy leaves up to some points of accuracy standing that
    the margin takes away, and is blind on networks with large logits. With the margin, restart r first aims at the
    r-th nearest class to first order, then at whichever class is ahead, which is exact on linear networks.

    Called on images it returns the final iterate of the only run, or for each image that of the run with the highest
    loss.

    Reference: Madry et al. 2018, "Towards deep learning models resistant to adversarial attacks", eq. 2.1 and sec. 4.
    """

    kind: Literal["pgd"] = "pgd"
    norm: Norm = "linf"
    """Which ball: linf (largest change of a pixel) or l2 (Euclidean length of the change)."""
    eps: Radius
    """Radius of the ball, in pixels of [0, 1]: 8/255, not 8."""
    steps: Count = 40
    """Gradient steps in each run."""
    step_size: Positive | None = None
    """Length of a step; by default 2.5 * eps / steps, at most eps, so that the ball can be crossed (Madry et al.)."""
    restarts: Count = 1
    """Runs from different starts; an image counts as fooled when one of them fools it."""
    random_start: bool | None = None
    """Start at a uniformly drawn point of the ball instead of at the image. By default linf runs do (Madry et al.); in
    l2 only restarts do, since the sideways part of a drawn start takes an l2 run many steps to lose."""
    targeted: bool = False
    """Take `y` as the class to reach instead of the class to leave."""
    loss: LossName = "ce"
    """What to climb: ce (cross-entropy), margin, or quadratic (distance to the one-hot label)."""
    arithmetic: Arithmetic = "exact"
    """How cross-entropy is computed. `naive` loses the true class where the network is sure, as published tables do:
    only for comparison with them.
    """

    clip: tuple[Number, Number] | None = None
    """Clip to these pixels, [low, high], instead of [0, 1], wherever the image itself lies: only for comparison with
    ANP-VS on CIFAR, whose code clips standardised images (`data.standardize`) to a small part of their range.
    """

    @property
    def revision(self) -> int:
        """Higher where cross-entropy is climbed, since its gradients are exact."""
        return revision_of(self.loss, self.arithmetic)

    @property
    def length(self) -> float:
        """The step that is taken, in pixels."""
        return self.step_size if self.step_size is not None else min(self.eps, 2.5 * self.eps / self.steps)

    def reservations(self) -> list[str]:
        """What makes this attack weaker than its name, one line each."""
        if self.steps * self.length < 2 * self.eps * (1 - 1e-9):
            usual = min(self.eps, 2.5 * self.eps / self.steps)
            remedy = "take more steps" if self.step_size is None else f"leave step_size out to use {usual:.4g}"
            return [
                f"{self.steps} steps of {self.length:.4g} cannot cross a ball of radius {self.eps:.4g}: a point on one "
                f"side never reaches the other; {remedy}"
            ]
        return []

    @property
    def draws(self) -> bool:
        """Whether a run begins at a drawn point."""
        return any(self._draws(run) for run in range(self.restarts))

    @property
    def effort(self) -> float:
        """A gradient for each step of each run."""
        return float(self.steps * self.restarts)

    def worth(self, logits: Tensor, y: Tensor) -> Tensor:
        """The loss, with every fooled image above every other."""
        loss = self._climb(logits, y, None)
        gap = margin(logits, y)
        fooled = gap < 0 if self.targeted else gap > 0
        return torch.where(fooled, loss + 1e30, loss)

    def search(self, problem: Problem) -> Tensor:
        """The final iterates of a run, or for a finished image the iterate at which it was finished.

        A radius other than `eps` scales the steps alike. With the margin, `problem.run` says which class is aimed at.
        """
        x, y, live, run = problem.x, problem.y, problem.live.clone(), problem.run
        ball = problem.ball.each(x)
        stride = problem.ball.scaled(self.length / self.eps if self.eps else 0.0).each(x)
        begun = ball.start(x) if self._draws(run) else x if self.clip is None else ball.project(x, x)
        x_adv = begun.detach().clone()
        result, rows, full = x_adv.clone(), torch.arange(len(x), device=x.device), len(x)
        aim = None
        for t in range(self.steps):
            if (kept := thinned(live, full)) is not None:
                x, y, x_adv, rows, live = (a[kept] for a in (x, y, x_adv, rows, live))
                ball, stride, aim = ball[kept], stride[kept], aim if aim is None else aim[kept]
            if not len(rows):
                break
            if t == 0:
                aim = self._aim(problem.forward, x, y, run)
            leaf = x_adv.requires_grad_()
            logits = problem.forward(leaf)
            gradient = input_gradient(self._climb(logits, y, aim if 2 * t < self.steps else None), leaf)
            x_adv = x_adv.detach()
            if problem.stop is not None:
                stopped = live.clone()
                stopped[live] = problem.stop(logits.detach()[live], x_adv[live], rows[live])
                result[rows[stopped]] = x_adv[stopped]
                live &= ~stopped
            x_adv = ball.project(x_adv + stride.steepest(gradient), x)
        result[rows[live]] = x_adv[live]
        return result

    def _draws(self, run: int) -> bool:
        return self.norm == "linf" or run > 0 if self.random_start is None else self.random_start

    def _climb(self, logits: Tensor, y: Tensor, aim: Tensor | None) -> Tensor:
        """What this attack makes larger, one number for each image."""
        if aim is not None:
            chased = logits.float().gather(1, torch.stack([aim, y], 1))
            return chased[:, 0] - chased[:, 1]
        return climbed(self.loss, logits, y, targeted=self.targeted, arithmetic=self.arithmetic)

    def _aim(self, forward: nn.Module, x: Tensor, y: Tensor, run: int) -> Tensor | None:
        if self.loss != "margin" or self.targeted:
            return None
        order = classes_by_distance(forward, x, y, self.norm)  # of the images that are left, and no others
        return order[:, run % order.shape[1]]
