"""Fast adaptive boundary attack (FAB): walk along the boundary of a class, always back towards the image."""

from typing import ClassVar, Literal

import torch
from torch import Tensor

from ..values import Count, Radius, value
from .apgd import likely, nth
from .ball import Ball, Norm, per_image, unit_scale
from .gradients import input_gradient
from .losses import runner_up
from .problem import Problem
from .search import Search
from .targets import RIVALS
from .thinning import thinned

_TINY = torch.finfo(torch.float32).tiny  # smaller ones may be flushed to zero
_BIAS = 0.1  # alpha_max, _OVERSHOOT is eta, _BACK is beta: Croce and Hein 2020 (FAB), sec. 3.4
_OVERSHOOT = 1.05
_BACK = 0.9
_NEWTON = 60  # steps; a few do, since what is solved is piecewise linear and concave


@value
class FAB(Search):
    """FAB towards classes (FAB-T): run r looks for the nearest image of the r-th most likely wrong class.

    Unlike attacks that climb a loss it is not led astray by the scale of the gradients, only by their direction. The
    paper's attack looks for the smallest change; here an image leaves as soon as it lies in the ball.

    Reference: Croce and Hein 2020, "Minimally distorted adversarial examples with a fast adaptive boundary attack",
    Algorithm 1; towards classes as in the same authors' AutoAttack.
    """

    kind: Literal["fab"] = "fab"
    norm: Norm = "linf"
    """Which ball: linf (largest change of a pixel) or l2 (Euclidean length of the change)."""
    eps: Radius
    """Radius of the ball, in pixels of [0, 1]: 8/255, not 8."""
    steps: Count = 100
    """Gradient steps in each run."""
    restarts: Count = 9
    """Runs, each towards another class."""
    targeted: bool = False
    """Take `y` as the class to reach instead of the class to leave; there is one run then."""

    stacks: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """As AutoAttack calls it."""
        return "FAB-T"

    @property
    def effort(self) -> float:
        """A gradient for each step of each run, and a look at where it led."""
        return 1.5 * self.steps * self.restarts

    def runs(self, classes: int) -> int:
        """One for each wrong class, since nothing is drawn."""
        return 1 if self.targeted else min(self.restarts, classes - 1, RIVALS)

    def search(self, problem: Problem) -> Tensor:
        """The nearest adversarial images that a run found, drawn into the ball; or where it ended, drawn into it."""
        x, y, live, full = problem.x, problem.y, problem.live.clone(), len(problem.x)
        ball = problem.ball.each(x)
        rows = torch.arange(full, device=x.device)
        order = y[:, None] if self.targeted else likely(problem.forward, x, y)
        aim = nth(order, problem.numbers)
        at, result = x.detach().clone(), x.detach().clone()
        smallest = x.new_full((full,), torch.inf)
        for step in range(self.steps + 1):
            live = problem.still(live, rows)
            if (kept := thinned(live, full)) is not None:
                x, y, at, rows, live, aim, ball = (a[kept] for a in (x, y, at, rows, live, aim, ball))  # type: ignore[assignment]
            if not len(rows):
                break
            leaf = at.detach().requires_grad_()
            logits = problem.forward(leaf).float()
            target = logits.gather(1, aim[:, None]).squeeze(1)
            other = runner_up(logits, aim).values if self.targeted else logits.gather(1, y[:, None]).squeeze(1)
            lead = target - other
            said = logits.detach().argmax(1)
            wrong = said == y if self.targeted else said != y
            size = ball.size(at - x)
            nearer = live & ((wrong & (size < smallest[rows])) | smallest[rows].isinf())
            result[rows[nearer]] = at[nearer]
            smallest[rows[nearer & wrong]] = size[nearer & wrong]
            if problem.stop is not None and (inside := live & (size <= ball.eps)).any():
                done = live.clone()
                done[~inside] = False
                done[inside] = problem.stop(logits.detach()[inside], at[inside], rows[inside])
                result[rows[done]] = at[done]
                live = live & ~done
                problem_finished = rows[done]
                smallest[problem_finished] = -torch.inf
            if step < self.steps:
                gradient, lead = input_gradient(lead, leaf), lead.detach()
                scale = unit_scale(gradient)  # squares of slopes are to come
                gradient, lead = gradient * per_image(scale, x), lead * scale
                back = torch.where(per_image(wrong, x).bool(), x + _BACK * (at - x), at)
                at = self._step(back, x, lead + _moved(gradient, back - at), gradient)
        drawn = problem.ball.project(result, problem.x)
        return torch.where(per_image(smallest == -torch.inf, drawn).bool(), result, drawn)

    def _step(self, at: Tensor, x: Tensor, lead: Tensor, gradient: Tensor) -> Tensor:
        """Towards the boundary from here, with a bias towards its point nearest to the image (eq. 9)."""
        here = to_boundary(at, lead, gradient, self.norm)
        home = to_boundary(x, lead + _moved(gradient, x - at), gradient, self.norm)
        ball = Ball(self.norm, 0.0)
        near, far = ball.size(here).clamp_min(1e-8), ball.size(home).clamp_min(1e-8)
        bias = per_image((near / (near + far)).clamp_max(_BIAS), x)
        return ((1 - bias) * (at + _OVERSHOOT * here) + bias * (x + _OVERSHOOT * home)).clamp(0, 1)


def _moved(gradient: Tensor, by: Tensor) -> Tensor:
    """How much a linear function with this gradient grows, shape (batch,)."""
    return (gradient * by).flatten(1).sum(1)


def to_boundary(x: Tensor, lead: Tensor, gradient: Tensor, norm: Norm) -> Tensor:
    """The smallest change of `x`, inside [0, 1], at which `lead + gradient * change` is 0; as near to it as can be.

    In both norms the pixels change by a common measure until they reach 0 or 1, so the lead closes as a concave,
    piecewise linear function of that measure. Newton's method climbs it from 0 without ever passing the root.

    Reference: Croce and Hein 2020 (FAB), sec. 3.2, which sorts instead.
    """
    sign = per_image(-lead.sign(), x)
    slope = gradient.abs()
    room = torch.where(sign * gradient > 0, 1 - x, x)  # how far a pixel can go the right way
    # A pixel whose slope is next to nothing is left alone; its share of the way would be rounding.
    room = torch.where(slope > 1e-8 * per_image(slope.flatten(1).amax(1), x), room, torch.zeros_like(room))
    pace = torch.ones_like(slope) if norm == "linf" else slope
    reach = (slope * room).flatten(1)
    grow = (slope * pace).flatten(1)
    wanted = lead.abs()
    measure = torch.zeros_like(wanted)
    gained, free = torch.empty_like(grow), torch.empty_like(grow)  # written again and again: five times as fast
    for _ in range(_NEWTON):
        torch.mul(grow, measure[:, None], out=gained)
        torch.lt(gained, reach, out=free)
        missing = wanted - torch.minimum(gained, reach, out=gained).sum(1)
        speed = free.mul_(grow).sum(1)
        more = torch.where((speed > 0) & (missing > 1e-6 * wanted), missing / speed.clamp_min(_TINY), 0.0)
        if not more.any():
            break
        measure = measure + more
    # Without room for it all, every pixel goes as far as it can.
    change = torch.minimum(per_image(measure, x) * pace, room)
    return sign * gradient.sign() * change
