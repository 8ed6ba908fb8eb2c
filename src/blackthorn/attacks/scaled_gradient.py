"""Gradient steps whose longest component has a fixed length: the per-image noise of the TensorFlow tutorial 11."""

from typing import Literal

import torch
from torch import Tensor

from ..values import Count, Positive, Radius, Rate, value
from .ball import per_image
from .gradients import input_gradient
from .losses import Arithmetic, LossName, climbed, revision_of
from .problem import Problem
from .search import Search


@value
class ScaledGradient(Search):
    """Steps `noise <- clip(noise - step_size / max|g| * g, -eps, eps)`, until the class is as probable as wanted.

    Unlike PGD's sign steps these keep the proportions of the gradient, so that few pixels change much and most little.
    An image that has reached `confidence` is left alone. Targeted, it is the tutorial's; by default it leaves the true
    label, and `confidence` is that of not being it.

    Reference: Hvass Pedersen 2016, TensorFlow tutorial 11, "Adversarial examples".
    """

    kind: Literal["scaled_gradient"] = "scaled_gradient"
    eps: Radius = 3 / 255
    """Largest change of a pixel, in pixels of [0, 1]."""
    steps: Count = 100
    step_size: Positive = 7 / 255
    """Change of the pixel with the largest gradient in one step."""
    confidence: Rate = 0.99
    """Probability at which an image is done."""
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

    @property
    def effort(self) -> float:
        """A gradient for each step."""
        return float(self.steps)

    def search(self, problem: Problem) -> Tensor:
        """The only run: nothing is drawn. Without `problem.stop` an image ends where `confidence` says."""
        x, y, ball, live = problem.x, problem.y, problem.ball.each(problem.x), problem.live.clone()
        x_adv, rows = x.detach().clone(), torch.arange(len(x), device=x.device)
        for _ in range(self.steps):
            if not live.any():
                break
            leaf = x_adv[live].requires_grad_()
            outputs = problem.forward(leaf)
            gradient = input_gradient(
                climbed(self.loss, outputs, y[live], targeted=self.targeted, arithmetic=self.arithmetic), leaf
            )
            if problem.stop is None:
                done = self._sure(outputs.detach(), y[live])
            else:
                done = problem.stop(outputs.detach(), leaf.detach(), rows[live])
            largest = per_image(gradient.flatten(1).abs().amax(1).clamp_min(1e-30), gradient)
            moved = ball[live].project(leaf.detach() + self.step_size * gradient / largest, x[live])
            x_adv[live] = torch.where(per_image(done, moved).bool(), leaf.detach(), moved)
            live[live.clone()] = ~done
        return x_adv

    def _sure(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Which images are done, bool (batch,)."""
        own = outputs.float().softmax(1).gather(1, y[:, None]).squeeze(1)
        return (own if self.targeted else 1 - own) >= self.confidence
