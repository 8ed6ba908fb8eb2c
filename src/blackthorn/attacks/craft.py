"""The engine behind every evaluation: attack a whole set, waste nothing, and believe nothing until it is verified.

Images the network already gets wrong are not attacked. An image that is fooled leaves the search at once, at the
iterate that fooled it, and no later run or attack works on it. The search may run in bf16, but an image only counts as
fooled when the network in float32, in eval mode, misclassifies an image that lies in the ball and in [0, 1].

Where another judges than the network whose gradients are followed (a transfer attack), nothing is known before the end:
every image is attacked, all the way, and the judge alone says what was fooled.
"""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from ..errors import AttackError
from ..models.answers import Predict
from ..models.modes import eval_mode
from ..speed.precision import Chosen, Precision, arithmetic
from ..types import Attack, Progress
from .contributions import contributions, hidden_gradients, vanished
from .foreign import as_search
from .inputs import checked, refuse_other_shape
from .precision import resolve_for
from .problem import Problem
from .search import Search, lent, strongest
from .trust import gradient_reservations
from .verdict import Another, Itself, Judge, logits_of
from .warning import AttackWarning


@dataclass(frozen=True)
class Crafted:
    """What attacks achieved, image by image."""

    x_adv: Tensor
    """Adversarial images, float32 (images, ...) in [0, 1]; untouched where the network was wrong already, unless
    another one judges.
    """
    fooled: Tensor
    """bool (images,): verified in float32. For a targeted attack: the target was reached."""
    by: Tensor
    """int64 (images,): the position of the attack that fooled the image; -1 where none did, or none was needed. Attacks
    that stand for several, such as AutoAttack, count as many.
    """
    precision: Chosen
    """What the search computed in."""
    warnings: tuple[str, ...]
    """Why the number may say less than it seems to."""
    seconds: float
    labels: Tensor | None = None
    """int64 (images,): what `x_adv` is taken for, where that is known."""
    contributions: dict[str, int] = field(default_factory=dict)
    """How many images each attack fooled, where there were several."""
    tier: str | None = None
    """How thorough the attack was, where it has degrees."""

    @property
    def robust_accuracy(self) -> float:
        """Share of images that were not fooled."""
        return 1.0 - self.fooled.float().mean().item()


def craft(
    attack: Attack | Sequence[Attack],
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    batch_size: int = 250,
    precision: Precision = "auto",
    judge: Predict | None = None,
    progress: Progress | None = None,
) -> Crafted:
    """Attack every image of `x` and verify each outcome in float32.

    Args:
        attack: an attack of this package, or any `attack(model, x, y)`. Of several, each works on the images that those
            before it have not fooled.
        model: left as it was: weights, gradients, statistics and mode.
        x: images, float32 in [0, 1] or uint8, shape (images, channels, height, width).
        y: true labels (targeted attacks: classes to reach), int64 (images,).
        batch_size: images searched at a time.
        precision: of the search; `auto` times both on this network and takes bf16 where it is clearly faster. Attacks
            that follow no gradients are in float32.
        judge: who is to be fooled instead of `model`: a network, or any function from images to labels or scores.
        progress: called with ("attack", images done, images).

    Raises:
        AttackError: `x` is not in [0, 1], labels do not fit, or an attack returned images outside its ball.
        ModelError: the network returns logits that are not finite.
    """
    attacks = _searches(attack)
    x, y = checked(x, y)
    start = time.perf_counter()
    targeted = attacks[0].targeted
    verdicts = Itself(model, targeted=targeted) if judge is None else Another(judge, targeted=targeted)
    with eval_mode(model):
        classes = logits_of(model, x[:1]).shape[1]
        _refuse_labels_beyond(classes, y)
        followed = any(one.needs_gradients for one in attacks)
        chosen = resolve_for(precision, model, x[:batch_size]) if followed else "float32"
        reservations = _reservations(attacks, model, x[:batch_size], y[:batch_size], classes)
        sought = _Sought.begin(verdicts, x, y, batch_size)
        parts: list[Search] = []
        while len(several := [part for one in attacks for part in one.sequence(classes, reservations)]) > len(parts):
            for first in range(0, len(x), batch_size):
                batch = slice(first, first + batch_size)
                _batch(several, len(parts), model, verdicts, x[batch], y[batch], chosen, classes, sought[batch])
                if progress is not None:
                    progress("attack", min(first + batch_size, len(x)), len(x))
            parts = several
            reservations += hidden_gradients(parts, sought.by)
    for reservation in reservations:
        warnings.warn(reservation, AttackWarning, stacklevel=2)
    return Crafted(
        sought.x_adv,
        sought.fooled,
        sought.by,
        chosen,
        tuple(reservations),
        time.perf_counter() - start,
        contributions=contributions(parts, sought.by) if len(parts) > 1 else {},
        tier=next((grade for one in attacks if (grade := one.grade(reservations)) is not None), None),
    )


@dataclass(frozen=True)
class _Sought:
    """What has been found so far; changed in place."""

    x_adv: Tensor
    fooled: Tensor
    by: Tensor

    @classmethod
    def begin(cls, judge: Judge, x: Tensor, y: Tensor, batch_size: int) -> "_Sought":
        fooled = [judge.beforehand(x[i : i + batch_size], y[i : i + batch_size]) for i in range(0, len(x), batch_size)]
        return cls(x.clone(), torch.cat(fooled), torch.full((len(x),), -1, device=x.device))

    def __getitem__(self, batch: slice) -> "_Sought":
        return _Sought(self.x_adv[batch], self.fooled[batch], self.by[batch])


def _searches(attack: Attack | Sequence[Attack]) -> list[Search]:
    attacks = [as_search(one) for one in (attack if isinstance(attack, Sequence) else (attack,))]
    if not attacks:
        raise AttackError("no attack is given; give one of blackthorn.attacks, or a list of them")
    if len({one.targeted for one in attacks}) > 1:
        raise AttackError("y cannot be labels and targets at once: give attacks that are all targeted, or none of them")
    return attacks


def _batch(
    attacks: Sequence[Search],
    first: int,
    model: nn.Module,
    judge: Judge,
    x: Tensor,
    y: Tensor,
    precision: Chosen,
    classes: int,
    sought: _Sought,
) -> None:
    """Every run of every attack from the first on, one after the other, on the images that are left."""
    for number, attack in enumerate(attacks[first:], first):
        problem = replace(Problem.of_all(model, x, y, attack.ball), stop=judge.stop(y))
        for run in range(attack.runs(classes) if judge.at_once else 1):
            left = ~sought.fooled
            if not left.any():
                return
            with lent(model, attack) as forward, arithmetic(_of(attack, precision), x.device):
                now = replace(problem, forward=forward, live=left, run=run)
                found = attack.search(now).detach() if judge.at_once else strongest(attack, now)
            found = _inside(attack, found, x, left)
            hit = judge.fooled(found, y[left])
            sought.x_adv[left], sought.fooled[left] = found, hit
            sought.by[left] = torch.where(hit, number, -1)


def _of(attack: Search, precision: Chosen) -> Chosen:
    return precision if attack.needs_gradients else "float32"


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


def _refuse_labels_beyond(classes: int, y: Tensor) -> None:
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= classes:
        raise AttackError(f"labels lie in [{low}, {high}], but the network has {classes} logits, numbered from 0")


def _reservations(attacks: Sequence[Search], model: nn.Module, x: Tensor, y: Tensor, classes: int) -> list[str]:
    """What makes any of the attacks weaker than its name, and what gradients at the first images warn of."""
    attacks = [part for attack in attacks for part in attack.sequence(classes)]
    found = [reservation for attack in attacks for reservation in attack.reservations()]
    climbed = {attack.loss for attack in attacks if attack.needs_gradients and not attack.targeted}
    for loss in ("ce", "quadratic"):
        if loss in climbed:
            found += gradient_reservations(model, x, y, loss=loss)
    if "margin" in climbed:
        found += vanished(model, x, y)
    return list(dict.fromkeys(found))
