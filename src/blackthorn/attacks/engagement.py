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
from .together import together
from .trials import FEW
from .verdict import Judge, as_many_as_on_average
from .watch import Watch


@dataclass(frozen=True)
class Sought:
    """What has been found so far; changed in place."""

    x_adv: Tensor
    votes: Tensor
    """How many draws fool on each image, int64 (images,)."""
    made_by: Tensor
    """The attack that made each image, int64 (images,); -1 where it is as it was."""
    draws: int

    @classmethod
    def begin(cls, judge: Judge, x: Tensor, y: Tensor, logits: Tensor, batch_size: int) -> Self:
        """Before any attack: what is fooled already."""
        votes = [judge.beforehand(x[batch], y[batch], logits[batch]) for batch in _batches(len(x), batch_size)]
        return cls(x.clone(), torch.cat(votes), torch.full((len(x),), -1, device=x.device), judge.draws)

    def __getitem__(self, batch: slice) -> Self:
        return type(self)(self.x_adv[batch], self.votes[batch], self.made_by[batch], self.draws)

    @property
    def fooled(self) -> Tensor:
        """Which images count as fooled, bool (images,)."""
        return as_many_as_on_average(self.votes, self.draws)

    @property
    def by(self) -> Tensor:
        """The attack that fooled each image, int64 (images,); -1 where none did, or none was needed."""
        return torch.where(self.fooled, self.made_by, -1)

    def take(self, left: Tensor, found: Tensor, votes: Tensor, number: int) -> None:
        """Images of an attack in the place of those that are left; of a random network, where they fool oftener."""
        better = (votes > self.votes[left]) if self.draws > 1 else torch.ones_like(votes, dtype=torch.bool)
        rows = left.nonzero().squeeze(1)[better]
        self.x_adv[rows], self.votes[rows], self.made_by[rows] = found[better], votes[better], number

    def judge_anew(self, judge: Judge, y: Tensor, batch_size: int) -> None:
        """Votes from other draws than those that chose the images, which flatter the attack."""
        for batch in _batches(len(y), batch_size):
            self.votes[batch] = judge.votes(self.x_adv[batch], y[batch])


@dataclass(frozen=True)
class Engagement:
    """A network under attack, and who judges."""

    model: nn.Module
    judge: Judge
    watch: Watch
    precision: Chosen
    classes: int
    room: int
    """Images searched at a time."""

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
            run, runs = 0, attack.runs(self.classes) if at_once else 1
            while run < runs:
                left = sought.votes < (torch.inf if whole else sought.draws)
                if not left.any():
                    return
                # The first run fools most; those after it share the batch.
                several = min(runs - run, max(1, self.room // int(left.sum()))) if attack.stacks and run else 1
                found = self._search(attack, replace(problem, live=left, run=run), several, every_run=not at_once)
                run += several
                found = _inside(attack, found, x, left)
                votes = self.judge.votes(found, y[left])
                if not whole or votes.sum() >= sought.votes.sum():
                    sought.take(left, found, votes, number)

    def fooled_by(self, attack: Search, x: Tensor, y: Tensor) -> int:
        """How many images a run of an attack fools; nothing else becomes of it."""
        problem = replace(Problem.of_all(self.model, x, y, attack.ball), stop=self.judge.stop(y))
        return int((self.judge.votes(self._search(attack, problem, 1, every_run=False), y) > 0).sum())

    def _search(self, attack: Search, problem: Problem, several: int, *, every_run: bool) -> Tensor:
        several_images = int(problem.live.sum()) >= FEW  # and not copies of few, which share their dead pixels
        self.watch.ball = attack.ball if several_images else None
        precision = self.precision if attack.needs_gradients else "float32"
        with arithmetic(precision, problem.x.device), lent(self.model, attack, problem.x) as forward:
            problem = replace(problem, forward=forward)
            return strongest(attack, problem) if every_run else together(attack, problem, several)


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


def _batches(n: int, size: int) -> list[slice]:
    return [slice(first, first + size) for first in range(0, n, size)]
