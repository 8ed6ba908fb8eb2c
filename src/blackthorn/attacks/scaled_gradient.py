"""Gradient steps whose longest component has a fixed length: the per-image noise of the TensorFlow tutorial 11."""

from typing import Literal

import torch
from torch import Tensor, nn

from ..values import Count, Positive, Radius, Rate, check_radius, value
from .balls import per_image, project
from .gradients import Forward, attacking, input_gradient
from .inputs import checked
from .losses import LOSSES, LossName
from .pgd import Stop


@value
class ScaledGradient:
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
        """One run, inside `attacking`: the final iterates. `eps` gives a radius for each image; nothing is drawn, so
        that a restart is the same again. With `stop` images end as it says, without it as `confidence` does.
        """
        del restart
        radius = x.new_full((len(x),), self.eps) if eps is None else eps
        live = torch.ones(len(x), dtype=torch.bool, device=x.device) if live is None else live.clone()
        x_adv, rows = x.detach().clone(), torch.arange(len(x), device=x.device)
        for _ in range(self.steps):
            if not live.any():
                break
            leaf = x_adv[live].requires_grad_()
            outputs = forward(leaf)
            loss = LOSSES[self.loss](outputs, y[live])
            gradient = input_gradient(-loss if self.targeted else loss, leaf)
            done = self._sure(outputs.detach(), y[live])
            if stop is not None:
                done = stop(outputs.detach(), leaf.detach(), rows[live])
            largest = per_image(gradient.flatten(1).abs().amax(1).clamp_min(1e-30), gradient)
            moved = leaf.detach() + self.step_size * gradient / largest
            moved = project(moved, x[live], radius[live], "linf")
            x_adv[live] = torch.where(per_image(done, moved).bool(), leaf.detach(), moved)
            live[live.clone()] = ~done
        return x_adv

    def _sure(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Which images are done, bool (batch,)."""
        own = outputs.float().softmax(1).gather(1, y[:, None]).squeeze(1)
        return (own if self.targeted else 1 - own) >= self.confidence
