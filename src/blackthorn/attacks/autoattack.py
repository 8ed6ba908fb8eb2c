"""AutoAttack: four attacks that fail in different ways, one after the other, on the images that are left."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from ..values import Radius, value
from .apgd import APGD
from .ball import Norm
from .fab import FAB
from .problem import Problem, Stop
from .search import Search
from .square import Square

Tier = Literal["screen", "standard", "full"]


@value
class AutoAttack(Search):
    """APGD-CE, APGD-T, FAB-T and Square: the attack whose number is compared across papers.

    The tier says how long each of them works. The cheap tier goes on to the full one by itself when an alarm rings:
    when gradients vanish, or when Square, which follows none, fools what gradients left standing. Before it is
    believed, Square is tried with all of its 5,000 queries on some of these images. The record says which tier made the
    number, and how many images each attack fooled.

    Reference: Croce and Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse
    parameter-free attacks", sec. 6.
    """

    kind: Literal["autoattack"] = "autoattack"
    norm: Norm = "linf"
    """Which ball: linf (largest change of a pixel) or l2 (Euclidean length of the change)."""
    eps: Radius
    """Radius of the ball, in pixels of [0, 1]: 8/255, not 8."""
    tier: Tier = "standard"
    """How much work: full has the budgets of the paper; standard has the same attacks with fewer steps, for about half
    of the time; screen has no FAB, for about a quarter, and is for looking at many networks. What they leave is
    measured in results/benchmarks/tiers.json.
    """
    targeted: bool = False
    """Take `y` as the class to reach instead of the class to leave."""

    @property
    def revision(self) -> int:
        """2 where the tier has other budgets than before, 3 where it also asks more before it is believed."""
        return {"full": 1, "standard": 2, "screen": 3}[self.tier]

    @property
    def effort(self) -> float:
        """That of its attacks."""
        return sum(part.effort for part in self.sequence(classes=10))

    def sequence(self, classes: int, alarms: Sequence[str] = ()) -> tuple[Search, ...]:
        """The attacks of the tier; of the screen, then those of the full one if an alarm rang."""
        parts = self._parts(self.tier)
        return (*parts, *self._parts("full")) if self._goes_on(alarms) else parts

    def grade(self, alarms: Sequence[str] = ()) -> str:
        """The tier that made the number."""
        return "full" if self._goes_on(alarms) else self.tier

    def search(self, problem: Problem) -> Tensor:
        """The attacks one after the other; without `problem.stop` each works on all images, and the best is kept."""
        live, result = problem.live.clone(), problem.x.clone()
        with torch.no_grad():
            logits = problem.forward(problem.x)
        worth = torch.full_like(logits[:, 0], -torch.inf, dtype=torch.float32)
        for part in self.sequence(logits.shape[1]):
            for run in range(part.runs(logits.shape[1])):
                if not live.any():
                    return result
                left = live.clone()
                stop = None if problem.stop is None else _noting(problem.stop, live)
                found = part.search(replace(problem, live=left, run=run, stop=stop)).detach()
                with torch.no_grad():
                    now = self.worth(problem.forward(found), problem.y)
                better = left & (~live | (now > worth))
                result[better], worth[better] = found[better], now[better]
        return result

    def _goes_on(self, alarms: Sequence[str]) -> bool:
        """Whether the cheap tier does not suffice."""
        return self.tier == "screen" and bool(alarms)

    def _parts(self, tier: Tier) -> tuple[Search, ...]:
        """The attacks of a tier with their budgets."""
        norm, eps, targeted = self.norm, self.eps, self.targeted
        ce, ratio, boundary, queries = _BUDGETS[tier]
        fab = (FAB(norm=norm, eps=eps, targeted=targeted, steps=boundary, restarts=9),) if boundary else ()
        return (
            APGD(norm=norm, eps=eps, targeted=targeted, steps=ce),
            APGD(norm=norm, eps=eps, targeted=targeted, loss="dlr", toward="likely", steps=ratio, restarts=9),
            *fab,
            Square(norm=norm, eps=eps, targeted=targeted, queries=queries),
        )


_BUDGETS: dict[Tier, tuple[int, int, int, int]] = {
    "screen": (50, 60, 0, 200),
    "standard": (50, 80, 20, 1500),
    "full": (100, 100, 100, 5000),
}
"""Steps of APGD-CE, APGD-T and FAB-T, queries of Square. The full ones are those of the paper, sec. 6; the others are
ours, and benchmarks/tiers.py measures what they leave. On adversarially trained networks it is steps towards classes
by the ratio that count: benchmarks/losses.py finds that 900 by the margin do less than 270 of these."""


def _noting(stop: Stop, live: Tensor) -> Stop:
    """The same question, with its answers noted in `live`."""

    def noting(logits: Tensor, x_adv: Tensor, rows: Tensor) -> Tensor:
        done = stop(logits, x_adv, rows)
        live[rows[done]] = False
        return done

    return noting
