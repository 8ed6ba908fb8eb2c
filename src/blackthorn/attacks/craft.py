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

import torch
from torch import Tensor, nn

from ..errors import AttackError
from ..models.answers import Predict
from ..models.modes import eval_mode
from ..models.outputs import ordinary
from ..speed.memory import keep_freed_memory
from ..speed.precision import Precision
from ..types import Attack, Progress
from .agreement import distance_in
from .alarms import DRAWS, HIDING
from .blind import PATIENT, QUICK, afterwards, fooled_blindly
from .crafted import Crafted as Crafted
from .engagement import Engagement, Sought
from .foreign import as_search
from .inputs import checked
from .onward import contributions, goes_on, hidden_gradients, parts_of
from .precision import bf16_tells_apart, resolve_for
from .search import Search
from .verdict import Another, Itself, logits_of
from .warning import AttackWarning
from .watch import Watch

_READ = 16  # images, spread over the set, whose outputs are looked at for probabilities


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
            that follow no gradients are in float32, and so are those on a network whose logits bf16 rounds until their
            order is lost.
        judge: who is to be fooled instead of `model`: a network, or any function from images to labels or scores.
        progress: called with ("attack", images done, images).

    Raises:
        AttackError: `x` is not in [0, 1], labels do not fit, or an attack returned images outside its ball.
        ModelError: the network returns logits that are not finite.
    """
    attacks = _searches(attack)
    with torch.inference_mode(False):
        model, x, y = ordinary(model), *(t.clone() if t.is_inference() else t for t in (x, y))
        return _crafted(attacks, model, *checked(x, y), batch_size, precision, judge, progress)


def _crafted(
    attacks: Sequence[Search],
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    batch_size: int,
    precision: Precision,
    judge: Predict | None,
    progress: Progress | None,
) -> Crafted:
    """As `craft`, on checked images, where gradients can be computed."""
    start = time.perf_counter()
    keep_freed_memory()
    targeted, naive = attacks[0].targeted, any(one.arithmetic == "naive" for one in attacks)
    verdicts = Itself(model, targeted=targeted) if judge is None else Another(judge, targeted=targeted)
    follows = any(not part.only_asks for one in attacks for part in one.sequence(classes=2))
    batches = [slice(first, first + batch_size) for first in range(0, len(x), batch_size)]
    reach = min((one.eps for one in attacks if one.norm == "linf"), default=1.0)
    nearby = min(distance_in(one.ball, x[0].numel()) for one in attacks)
    with eval_mode(model), Watch(model, mends=not naive, follows=follows, reach=reach, nearby=nearby) as watch:
        watch.read(x[:: max(1, len(x) // _READ)])
        classes = logits_of(model, x[:2]).shape[1]
        _refuse_labels_beyond(classes, y)
        followed = any(one.needs_gradients for one in attacks)
        chosen = resolve_for(precision, model, x[:batch_size]) if followed else "float32"
        if chosen == "bf16" and not bf16_tells_apart(model, x):
            chosen = "float32"
        logits = torch.cat([watch.before(x[batch], y[batch]) for batch in batches])
        verdicts.draws = DRAWS if watch.tally.random else 1
        sought = Sought.begin(verdicts, x, y, logits, batch_size)
        engagement = Engagement(model, verdicts, watch, chosen, classes, batch_size)
        saturating = not targeted and any(one.loss == "ce" for one in attacks)
        cheap = goes_on(attacks, classes)
        rang: dict[str, str] = {}
        heard: tuple[str, ...] = ()
        parts: list[Search] = []
        while len(several := parts_of(attacks, classes, heard, images=x.dim() == 4)) > len(parts):
            for batch in batches:
                engagement.batch(several, len(parts), x[batch], y[batch], sought[batch])
                if progress is not None:
                    progress("attack", min(batch.stop, len(x)), len(x))
            parts = several
            rang = watch.tally.alarms(saturating=saturating, naive=naive) | hidden_gradients(parts, sought.by)
            if not naive and HIDING.isdisjoint(rang) and not (cheap and rang):
                rang |= fooled_blindly(engagement, parts, x, y, sought, PATIENT if cheap else QUICK)
            heard = () if naive else tuple(dict.fromkeys((*heard, *rang)))
        if not naive and HIDING.isdisjoint(rang):
            rang |= fooled_blindly(engagement, parts, x, y, sought, afterwards(parts))
        if sought.draws > 1:
            sought.judge_anew(verdicts, y, batch_size)
    reservations = [*dict.fromkeys(said for one in attacks for said in one.reservations()), *rang.values()]
    for reservation in reservations:
        warnings.warn(reservation, AttackWarning, stacklevel=3)
    return Crafted(
        sought.x_adv,
        sought.fooled,
        sought.by,
        chosen,
        tuple(reservations),
        time.perf_counter() - start,
        tuple(rang),
        watch.tally.dead_pixels,
        contributions=contributions(parts, sought.by) if len(parts) > 1 else {},
        tier=next((grade for one in attacks if (grade := one.grade(heard)) is not None), None),
    )


def _searches(attack: Attack | Sequence[Attack]) -> list[Search]:
    attacks = [as_search(one) for one in (attack if isinstance(attack, Sequence) else (attack,))]
    if not attacks:
        raise AttackError("no attack is given; give one of blackthorn.attacks, or a list of them")
    if len({one.targeted for one in attacks}) > 1:
        raise AttackError("y cannot be labels and targets at once: give attacks that are all targeted, or none of them")
    return attacks


def _refuse_labels_beyond(classes: int, y: Tensor) -> None:
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= classes:
        raise AttackError(f"labels lie in [{low}, {high}], but the network has {classes} logits, numbered from 0")
