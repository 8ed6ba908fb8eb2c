"""One batch of images under attack: every run of every attack on the images that are left, each outcome verified."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from ..errors import AttackError
from ..speed.precision import Chosen, arithmetic
from .inputs import refuse_other_shape
from .problem import Problem
from .search import Search, lent, strongest
from .verdict import Judge
from .watch import Watch


@dataclass(frozen=True)
class Sought:
    """What has been found so far; changed in place."""

    x_adv: Tensor
    fooled: Tensor
    by: Tensor

    @classmethod
    def begin(cls, judge: Judge, x: Tensor, y: Tensor, logits: Tensor, batch_size: int) -> Self:
        """Before any attack: what is fooled already."""
        batches = [slice(first, first + batch_size) for first in range(0, len(x), batch_size)]
        fooled = torch.cat([judge.beforehand(x[batch], y[batch], logits[batch]) for batch in batches])
        return cls(x.clone(), fooled, torch.full((len(x),), -1, device=x.device))

    def __getitem__(self, batch: slice) -> Self:
        return type(self)(self.x_adv[batch], self.fooled[batch], self.by[batch])


@dataclass(frozen=True)
class Engagement:
    """A network under attack, and who judges."""

    model: nn.Module
    judge: Judge
    watch: Watch
    precision: Chosen
    classes: int

    def batch(self, attacks: Sequence[Search], first: int, x: Tensor, y: Tensor, sought: Sought) -> None:
        """Every attack from the first on, one after the other, on the images of a batch that are left.

        To a network whose answer depends on the batch an image is not the same in other company. There nobody leaves:
        every attack works on the whole batch, and the batch that fools most is kept. A network that answers at random
        is not asked during the search either, since one lucky draw is no success.
        """
        whole = self.judge.at_once and self.watch.tally.batch
        at_once = self.judge.at_once and not whole and not self.watch.tally.random
        for number, attack in enumerate(attacks[first:], first):
            problem = replace(
                Problem.of_all(self.model, x, y, attack.ball), stop=self.judge.stop(y) if at_once else None
            )
            for run in range(attack.runs(self.classes) if at_once else 1):
                left = torch.ones_like(sought.fooled) if whole else ~sought.fooled
                if not left.any():
                    return
                found = self._search(attack, replace(problem, live=left, run=run), every_run=not at_once)
                found = _inside(attack, found, x, left)
                hit = self.judge.fooled(found, y[left])
                if whole and hit.sum() < sought.fooled.sum():
                    continue
                sought.x_adv[left], sought.fooled[left] = found, hit
                sought.by[left] = torch.where(hit, number, -1)

    def _search(self, attack: Search, problem: Problem, *, every_run: bool) -> Tensor:
        self.watch.ball = attack.ball
        precision = self.precision if attack.needs_gradients else "float32"
        with lent(self.model, attack) as forward, arithmetic(precision, problem.x.device):
            problem = replace(problem, forward=forward)
            return strongest(attack, problem) if every_run else attack.search(problem).detach()


def _inside(attack: Search, found: Tensor, x: Tensor, left: Tensor) -> Tensor:
    """The images that are left: refuse those outside the ball by more than rounding, round the others back in."""
    refuse_other_shape(attack.name, found, x)
    x_adv, x = found[left], x[left]
    if not torch.isfinite(x_adv).all() or x_adv.min() < -1e-6 or x_adv.max() > 1 + 1e-6:
        raise AttackError(
            f"{attack.name} returned pixels outside [0, 1]; clip them, or check that the attack works in pixels"
        )
    if not attack.ball.contains(x_adv, x, slack=1e-5).all():
        worst = attack.ball.size(x_adv - x).max().item()
        raise AttackError(
            f"{attack.name} left its {attack.norm} ball: a perturbation of {worst:.6g} with eps = {attack.eps:.6g}"
        )
    return attack.ball.project(x_adv.float(), x)
