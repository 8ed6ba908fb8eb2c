"""Which attacks there are to run, and what the engine goes on with when an alarm rings."""

from collections.abc import Collection, Sequence
from dataclasses import is_dataclass, replace

from torch import Tensor

from .alarms import HIDING, SCALING, TOLERATED
from .search import Search
from .square import Square

_THOROUGH = 10  # gradients; one step leaves much standing on any network, and says nothing of it
_QUERIES = 2000  # of Square on a network that hides its gradients; more change little on the networks of the tests


def parts_of(attacks: Sequence[Search], classes: int, alarms: Collection[str], *, images: bool) -> list[Search]:
    """The attacks that these stand for, and after them what the alarms ask for; more alarms only add at the end.

    Args:
        attacks: in their order.
        classes: of the network.
        alarms: those that rang so far. Where the scale of the outputs misleads cross-entropy, attacks that climb it go
            on by the margin. Where gradients are hidden and nothing else in the list asks the network without following
            any, Square goes on in the ball of the last attack, unless that clips to other pixels than it.
        images: whether there are height and width, without which Square cannot paint.
    """
    parts = [part for one in attacks for part in one.sequence(classes)]
    for one in attacks:
        parts += one.sequence(classes, tuple(alarms))[len(one.sequence(classes)) :]
    if not SCALING.isdisjoint(alarms):
        exact = (one for one in attacks if one.loss == "ce" and one.arithmetic == "exact")
        parts += [replace(one, loss="margin") for one in exact if is_dataclass(one)]  # type: ignore[type-var]
    asked = any(part.only_asks for part in parts)
    if images and not asked and not HIDING.isdisjoint(alarms):
        parts += squares_like(attacks[-1], _QUERIES)
    return parts


def goes_on(attacks: Sequence[Search], classes: int) -> bool:
    """Whether an attack among these is a cheap one, that would go on by itself were gradients found to be hidden."""
    return any(len(one.sequence(classes, tuple(HIDING))) > len(one.sequence(classes)) for one in attacks)


def squares_like(attack: Search, queries: int) -> list[Square]:
    """Square in the ball of an attack; none where there is nothing to search, or the attack clips to other pixels."""
    if attack.eps == 0 or attack.ball.whole or attack.clip is not None:
        return []
    return [Square(norm=attack.norm, eps=attack.eps, targeted=attack.targeted, queries=queries)]


def is_thorough(attack: Search) -> bool:
    """Whether an attack follows gradients for so long that what it leaves says something of the network."""
    return attack.needs_gradients and attack.effort >= _THOROUGH


def contributions(parts: Sequence[Search], by: Tensor) -> dict[str, int]:
    """Images fooled by each attack, in their order; attacks of the same name are counted together.

    Args:
        parts: the attacks.
        by: int64 (images,), the position of the attack that fooled an image, or -1.
    """
    found: dict[str, int] = {}
    for number, part in enumerate(parts):
        found[part.name] = found.get(part.name, 0) + int((by == number).sum())
    return found


def hidden_gradients(parts: Sequence[Search], by: Tensor) -> dict[str, str]:
    """An alarm, with its reason, where an attack without gradients fooled what gradients had left standing.

    On healthy networks Square adds a few tenths of a point at most.
    """
    followed = [number for number, part in enumerate(parts) if is_thorough(part)]
    blind = sum(
        int((by == number).sum())
        for number, part in enumerate(parts)
        if part.only_asks and any(earlier < number for earlier in followed)
    )
    if blind < 2 or blind <= TOLERATED * len(by):
        return {}
    return {
        "hidden gradients": (
            f"an attack that follows no gradients fooled {blind} of {len(by)} images that gradients had left "
            "standing: the network hides its gradients"
        )
    }
