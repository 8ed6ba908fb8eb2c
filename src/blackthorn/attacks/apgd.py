"""Auto-PGD: projected gradient descent with momentum, whose steps shrink by themselves when they no longer help."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from ..values import Count, Radius, Whole, value
from .ball import Ball, Norm, per_image
from .ball import direction as steepest
from .gradients import input_gradient
from .losses import margin
from .problem import Problem
from .ratio import APGD_LOSSES, APGDLoss, towards
from .search import Search
from .targets import RIVALS
from .thinning import thinned

_MOMENTUM = 0.75  # alpha of Croce and Hein 2020, sec. 3.1
_RISING = 0.75  # rho of sec. 3.2: below this share of rising steps, a step is too long
_FIRST, _SHORTER, _SHORTEST = 22, 3, 6  # hundredths: p_1, and what p_{j+1} is computed with, sec. 3.2


@value
class APGD(Search):
    """Auto-PGD, which needs no step size: it begins with steps of the diameter and halves them at checkpoints.

    With `toward`, run r aims at the r-th of the wrong classes, which finds more than going away from the label: nine
    runs with `loss="dlr"` are the attack APGD-T of AutoAttack. A random start is the same for all images, so what
    becomes of an image does not depend on its batch.

    Reference: Croce and Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse
    parameter-free attacks", Algorithm 1 and sec. 4.
    """

    kind: Literal["apgd"] = "apgd"
    norm: Norm = "linf"
    """Which ball: linf (largest change of a pixel) or l2 (Euclidean length of the change)."""
    eps: Radius
    """Radius of the ball, in pixels of [0, 1]: 8/255, not 8."""
    steps: Count = 100
    """Gradient steps in each run (sec. 6 of the paper)."""
    restarts: Count = 1
    """Runs from different starts, or towards different classes; an image counts as fooled when one fools it."""
    loss: APGDLoss = "ce"
    """What to climb: ce (cross-entropy), dlr (difference of logits ratio), or margin. Where a network has too few
    classes for the ratio, the margin stands in for it.
    """
    toward: Literal["likely", "nearest"] | None = None
    """Which wrong classes the runs aim at: the most likely first, or the nearest to first order first. By default they
    aim at none and leave the label.
    """
    targeted: bool = False
    """Take `y` as the class to reach instead of the class to leave; `toward` then says nothing."""
    seed: Whole = 0
    """Of the random starts."""

    stacks: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """As AutoAttack calls it: APGD-CE, or APGD-T if it aims at classes."""
        return "APGD-T" if self.toward is not None else f"APGD-{self.loss.upper()}"

    @property
    def effort(self) -> float:
        """A gradient for each step of each run."""
        return float(self.steps * self.restarts)

    def runs(self, classes: int) -> int:
        """Each towards another class, as long as there are some; otherwise each from another start."""
        return self.restarts if self.toward is None or self.targeted else min(self.restarts, classes - 1, RIVALS)

    def search(self, problem: Problem) -> Tensor:
        """The iterates of the largest margin in a run, or for a finished image that at which it was finished."""
        ball = problem.ball.each(problem.x)
        begun = per_image(ball.eps, problem.x) * self._noise(problem)  # type: ignore[arg-type]
        x_adv = ball.project(problem.x + begun, problem.x)
        aim = self._aim(problem)
        result = x_adv.clone()
        at = _State.begin(problem, ball, x_adv, aim)
        checkpoints = set(_checkpoints(self.steps))
        for step in range(self.steps + 1):
            at.live = problem.still(at.live, at.rows)
            if (kept := thinned(at.live, len(problem.x))) is not None:
                result[at.rows] = at.result
                at = at[kept]
            if not len(at.rows):
                return result
            leaf = at.x_adv.detach().requires_grad_()
            logits = problem.forward(leaf)
            loss = self._climb(logits, at)
            last = step == self.steps
            gradient = None if last else input_gradient(loss, leaf)
            at.look(logits.detach(), loss.detach(), gradient, step, targeted=self.targeted)
            if problem.stop is not None:
                at.leave(problem.stop(logits.detach()[at.live], at.x_adv[at.live], at.rows[at.live]))
            if not last:
                if step in checkpoints:
                    at.check(step)
                at.move(self.norm, _MOMENTUM if step else 1.0)
        result[at.rows] = at.result
        return result

    def _noise(self, problem: Problem) -> Tensor:
        """Points of the surface of the unit ball, in each run one for all images, of the shape of `problem.x`."""
        shape, made = problem.x.shape[1:], []
        runs, which = problem.numbers.unique(return_inverse=True)  # type: ignore[no-untyped-call]
        for run in runs.tolist():
            generator = torch.Generator().manual_seed(1000 * self.seed + run)
            if self.norm == "linf":
                noise = 2 * torch.rand(shape, generator=generator) - 1
                noise = noise / noise.abs().max().clamp_min(1e-12)
            else:
                noise = torch.randn(shape, generator=generator)
                noise = noise / noise.norm().clamp_min(1e-12)
            made.append(noise.to(problem.x))
        return torch.stack(made)[which]

    def _aim(self, problem: Problem) -> Tensor | None:
        """The class each image is to be taken for, or None."""
        if self.toward is None or self.targeted:
            return None
        rivals = problem.rivals if self.toward == "nearest" else likely(problem.forward, problem.x, problem.y)
        return nth(rivals, problem.numbers)

    def _climb(self, logits: Tensor, at: "_State") -> Tensor:
        if at.aim is not None:
            return towards(self.loss, logits, at.y, at.aim)
        loss = APGD_LOSSES[self.loss](logits, at.y)
        return -loss if self.targeted else loss


def likely(forward: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Wrong classes of each image, the most likely first, int64 (batch, at most 9)."""
    with torch.no_grad():
        logits: Tensor = forward(x).float()
    return logits.scatter(1, y[:, None], -torch.inf).topk(min(RIVALS, logits.shape[1] - 1)).indices


def nth(classes: Tensor, numbers: Tensor) -> Tensor:
    """Of each row of classes (batch, n) that of its number, from the first again after the last; (batch,)."""
    return classes.gather(1, (numbers % classes.shape[1])[:, None]).squeeze(1)


def _checkpoints(steps: int) -> list[int]:
    """The steps w_j at which a step may be halved: p_1 = 0.22, p_{j+1} = p_j + max(p_j - p_{j-1} - 0.03, 0.06)."""
    at, length, found = 0, _FIRST, []
    while (at := at + length) < 100:
        found.append(-(-at * steps // 100))
        length = max(length - _SHORTER, _SHORTEST)
    return sorted(set(found))


@dataclass
class _State:
    """What a run knows of the images it still works on; every tensor has a row for each."""

    x: Tensor
    y: Tensor
    rows: Tensor
    live: Tensor
    eps: Tensor
    aim: Tensor | None
    stride: Tensor
    """Length of a step, in pixels."""
    x_adv: Tensor
    before: Tensor
    """The iterate before `x_adv`."""
    gradient: Tensor
    top: Tensor
    """The highest loss so far, and with it `x_top` and `gradient_top`."""
    x_top: Tensor
    gradient_top: Tensor
    loss: Tensor
    rises: Tensor
    """Steps since the last checkpoint that made the loss larger."""
    since: Tensor
    """The step of the last checkpoint."""
    top_then: Tensor
    """The highest loss at the last checkpoint."""
    halved: Tensor
    """Whether the step was halved at the last checkpoint."""
    worth: Tensor
    """The largest margin so far, of `result`."""
    result: Tensor

    @classmethod
    def begin(cls, problem: Problem, ball: Ball, x_adv: Tensor, aim: Tensor | None) -> Self:
        """Before the first gradient; steps begin with the diameter of the ball."""
        x, n = problem.x, len(problem.x)
        assert isinstance(ball.eps, Tensor)  # by `each`
        low, zero = x.new_full((n,), -torch.inf), x.new_zeros(n)
        return cls(
            x, problem.y, torch.arange(n, device=x.device), problem.live.clone(), ball.eps, aim, 2 * ball.eps,
            x_adv, x_adv, x_adv, low, x_adv, x_adv, low, zero, zero.long(), low, zero.bool(), low, x_adv.clone(),
        )  # fmt: skip

    def __getitem__(self, kept: Tensor) -> Self:
        """The same for some of the images."""
        every = {field.name: getattr(self, field.name) for field in fields(self)}
        some: dict[str, Any] = {name: None if held is None else held[kept] for name, held in every.items()}
        return type(self)(**some)

    def look(self, logits: Tensor, loss: Tensor, gradient: Tensor | None, step: int, *, targeted: bool) -> None:
        """Take in what the network says of the iterate."""
        lead = margin(logits, self.y)
        lead = -lead if targeted else lead
        better = self.live & (lead > self.worth)
        self.worth = torch.where(better, lead, self.worth)
        self.result = torch.where(per_image(better, self.x).bool(), self.x_adv, self.result)
        if gradient is None:
            return
        if step:
            self.rises = self.rises + (loss > self.loss)
        higher = loss > self.top
        wide = per_image(higher, self.x).bool()
        self.loss, self.gradient = loss, gradient
        self.top = torch.where(higher, loss, self.top)
        self.x_top = torch.where(wide, self.x_adv, self.x_top)
        self.gradient_top = torch.where(wide, gradient, self.gradient_top)
        if not step:
            self.top_then = self.top

    def leave(self, stopped: Tensor) -> None:
        """Some of the live images are finished at this iterate."""
        done = self.live.clone()
        done[self.live] = stopped
        self.result = torch.where(per_image(done, self.x).bool(), self.x_adv, self.result)
        self.live = self.live & ~done

    def check(self, step: int) -> None:
        """Halve the steps that rose too seldom or gained nothing since the last checkpoint, and go back to the top."""
        seldom = self.rises < _RISING * (step - self.since)
        stuck = ~self.halved & (self.top_then >= self.top)
        self.halved = seldom | stuck
        wide = per_image(self.halved, self.x).bool()
        self.stride = torch.where(self.halved, self.stride / 2, self.stride)
        self.x_adv = torch.where(wide, self.x_top, self.x_adv)
        self.gradient = torch.where(wide, self.gradient_top, self.gradient)
        self.rises, self.since, self.top_then = (
            torch.zeros_like(self.rises),
            torch.full_like(self.since, step),
            self.top,
        )

    def move(self, norm: Norm, momentum: float) -> None:
        """One step up, and `1 - momentum` of the last one again, each time back into the ball."""
        ball = Ball(norm, self.eps)
        up = steepest(self.gradient, norm)
        goal = ball.project(self.x_adv + per_image(self.stride, self.x) * up, self.x)
        moved = self.x_adv + momentum * (goal - self.x_adv) + (1 - momentum) * (self.x_adv - self.before)
        self.before, self.x_adv = self.x_adv, ball.project(moved, self.x)
