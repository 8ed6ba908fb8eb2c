"""Projected gradient descent: many small steps up the loss, each projected back into the ball."""

import warnings
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from ..values import Count, Positive, Radius, check_radius, value
from .balls import Norm, per_image, project, random_start, steepest
from .gradients import Forward, attacking, input_gradient
from .inputs import checked
from .losses import LOSSES, LossName, runner_up
from .targets import classes_by_distance

Stop = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`stop(logits, x_adv, rows)` says which of the images at `rows` need no more work, as bool (len(rows),)."""


class AttackWarning(UserWarning):
    """The attack runs, but its number says less than it seems to."""


@value
class PGD:
    """Projected gradient descent, the standard first-order attack.

    Use `loss="margin"` for a number to publish: cross-entropy leaves up to some points of accuracy standing that
    the margin takes away, and is blind on networks with large logits. With the margin, restart r first aims at the
    r-th nearest class to first order, then at whichever class is ahead, which is exact on linear networks.

    Called on images it returns the final iterate of the only run, or for each image that of the run with the
    highest loss. `blackthorn.attacks.craft` does the same with less work and verifies the outcome.

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

    def __post_init__(self) -> None:
        check_radius(self.eps, self.norm)

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

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """Adversarial images of the shape of `x`, float32 in [0, 1]; starts come from torch's global generator.

        Raises:
            AttackError: `x` is not in [0, 1], or labels do not fit.
        """
        x, y = checked(x, y)
        for reservation in self.reservations():
            warnings.warn(reservation, AttackWarning, stacklevel=2)
        with attacking(model) as forward:
            best = self.search(forward, x, y)
            if self.restarts == 1:
                return best
            best_loss = self._climbed(forward, best, y)
            for restart in range(1, self.restarts):
                x_adv = self.search(forward, x, y, restart=restart)
                loss = self._climbed(forward, x_adv, y)
                better = loss > best_loss
                best[better], best_loss[better] = x_adv[better], loss[better]
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
        """One run, inside `attacking`: the final iterates, or for a stopped image the iterate at which it was stopped.

        Args:
            forward: logits of float images.
            x: images, float32 (batch, ...) in [0, 1].
            y: labels, or classes to reach when `targeted`, int64 (batch,).
            eps: a radius for each image instead of `self.eps`, shape (batch,); steps are scaled alike.
            live: which images to work on, bool (batch,); all of them by default. What is returned for others says
                nothing. Starts are drawn for all, so that an image's start does not depend on its neighbours' fate.
            restart: which run this is; only the margin loss makes a difference.
            stop: asked at every step which images are finished.
        """
        if eps is None:
            radius, lengths = x.new_full((len(x),), self.eps), x.new_full((len(x),), self.length)
        else:
            radius, lengths = eps, eps * (self.length / self.eps if self.eps else 0.0)
        step = per_image(lengths, x)
        x_adv = (random_start(x, radius, self.norm) if self._draws(restart) else x).detach().clone()
        live = torch.ones(len(x), dtype=torch.bool, device=x.device) if live is None else live.clone()
        result, rows, full = x_adv.clone(), torch.arange(len(x), device=x.device), len(x)
        aim = None
        for t in range(self.steps):
            if (kept := _thinned(live, full)) is not None:
                x, y, x_adv, radius, step, rows, live = (a[kept] for a in (x, y, x_adv, radius, step, rows, live))
                aim = aim if aim is None else aim[kept]
            if not len(rows):
                break
            if t == 0:
                aim = self._aim(forward, x, y, restart)
            leaf = x_adv.requires_grad_()
            logits = forward(leaf)
            gradient = input_gradient(self._climb(logits, y, aim if 2 * t < self.steps else None), leaf)
            x_adv = x_adv.detach()
            if stop is not None:
                stopped = live.clone()
                stopped[live] = stop(logits.detach()[live], x_adv[live], rows[live])
                result[rows[stopped]] = x_adv[stopped]
                live &= ~stopped
            x_adv = project(x_adv + step * steepest(gradient, self.norm), x, radius, self.norm)
        result[rows[live]] = x_adv[live]
        return result

    def _draws(self, restart: int) -> bool:
        return self.norm == "linf" or restart > 0 if self.random_start is None else self.random_start

    def _climb(self, logits: Tensor, y: Tensor, aim: Tensor | None) -> Tensor:
        """What this attack makes larger, one number for each image."""
        if aim is not None:
            chased = logits.float().gather(1, torch.stack([aim, y], 1))
            return chased[:, 0] - chased[:, 1]
        loss = LOSSES[self.loss](logits, y)
        return -loss if self.targeted else loss

    def _aim(self, forward: Forward, x: Tensor, y: Tensor, restart: int) -> Tensor | None:
        if self.loss != "margin" or self.targeted:
            return None
        order = classes_by_distance(forward, x, y, self.norm)
        return order[:, restart % order.shape[1]]

    def _climbed(self, forward: Forward, x_adv: Tensor, y: Tensor) -> Tensor:
        """The loss at the end of a run, with every fooled image above every other."""
        with torch.no_grad():
            logits = forward(x_adv)
            loss = self._climb(logits, y, None)
            gap = LOSSES["margin"](logits, y)
            fooled = gap < 0 if self.targeted else gap > 0
        return torch.where(fooled, loss + 1e30, loss)


def _thinned(live: Tensor, full: int) -> Tensor | None:
    """Rows to go on with, or None to go on with all: the live ones, and finished ones up to the next eighth of a batch.

    Convolution libraries prepare themselves anew for every batch size they have not met. Shrinking by eighths keeps the
    number of sizes small; a finished image that stays costs as much as any, but its result is kept already.
    """
    alive = int(live.sum())
    eighth = max(1, full // 8)
    size = -(-alive // eighth) * eighth
    if size >= len(live):
        return None
    return live.int().argsort(descending=True, stable=True)[:size].sort().values


def fooled_by(logits: Tensor, y: Tensor, *, targeted: bool, by: float = 0.0) -> Tensor:
    """Which images are fooled, bool (batch,): another class is ahead of `y` (or `y` is ahead of all) by more than `by`.

    With `by=0` this is `argmax != y` (or `== y`), ties going to the lower class as in argmax.
    """
    if by == 0.0:
        hit = logits.argmax(1) == y
        return hit if targeted else ~hit
    own = logits.gather(1, y[:, None]).squeeze(1)
    gap = runner_up(logits, y).values - own
    return (-gap if targeted else gap) > by
