"""A look at what gradients left standing: where random squares, which follow none, fool it, gradients were hidden.

Networks may hide gradients in ways that no look at a gradient tells. But on healthy networks an attack that follows
gradients for some steps leaves next to nothing that a hundred random squares find. Some networks hide them where only
thousands of squares find the way, one pixel after the other: there AutoAttack's cheap tier looks, before its number is
believed, and any other attack that took so long itself that the look costs little.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .alarms import TOLERATED
from .engagement import Engagement, Sought
from .onward import is_thorough, squares_like
from .search import Search


@dataclass(frozen=True)
class Look:
    """Some of the images that stand are tried; where one of them is fooled, more are, and these decide."""

    first: tuple[int, int]
    """Images, and queries for each."""
    then: tuple[int, int]
    fewest: int
    """Images that are fooled where gradients are hidden; fewer may be chance."""
    share: float
    """Share of the images tried that are fooled there."""
    of_standing: float = 1.0
    """At most this share of the images that stand is tried at first, so that a look at few takes little time."""
    after: str = ""
    """What is added to the reason."""


_FEWEST = 4  # images that are tried; of fewer nothing can be said
QUICK = Look(first=(12, 100), then=(64, 200), fewest=4, share=0.15)
"""Of what PGD-40 leaves, squares fool 3.2 % at most on 54 networks without an alarm, and 30 % on one that hides its
gradients (results/benchmarks/standing.json)."""
PATIENT = Look(first=(24, 5000), then=(48, 5000), fewest=2, share=0.05, of_standing=1 / 8)
"""For AutoAttack's cheap tier, as many queries as in the full one. Of 32 images that gradients leave on networks of
Wang et al.'s Table 2, 200 squares fool 1 at most and 5,000 fool 3 to 13; on 48 networks of other recipes 2 at most
(results/benchmarks/patience.json)."""
_GRADIENTS_A_QUERY = 4  # at least; a query takes a third of the time of a gradient, or more where these are in bf16


def afterwards(parts: Sequence[Search]) -> Look:
    """A last look, as patient, where that takes little of the time that attacks took; whatever it finds, they do not go
    on, which would take many times as long as they took.

    They have to follow four gradients or more for each query of the first look, and to ask for no square themselves: of
    10,000 images that 40 steps leave standing 20 are tried, of 2,000 images 4, and of fewer none. The share is that of
    the quick look, since attacks weaker than AutoAttack's leave more on any network.
    """
    gradients = sum(part.effort for part in parts)
    of_standing = gradients / (_GRADIENTS_A_QUERY * PATIENT.first[1])
    return replace(
        PATIENT,
        fewest=QUICK.fewest,
        share=QUICK.share,
        of_standing=0.0 if any(part.only_asks for part in parts) else of_standing,
        after=", which did not go on; {kind: autoattack} says how far",
    )


def fooled_blindly(
    engagement: Engagement, parts: Sequence[Search], x: Tensor, y: Tensor, sought: Sought, look: Look
) -> dict[str, str]:
    """An alarm, with its reason, where squares fool many of the images that a thorough attack left standing.

    What they fool is not counted. A network that answers at random or by the batch is not tried, nor is what another
    judges, nor images without height and width, nor what is left by the quadratic loss: that leaves much standing on
    linear networks too, since it also grows with the lead of the right class.

    Args:
        engagement: the network and its judge.
        parts: all attacks that were run.
        x: all images.
        y: their labels.
        sought: what was found.
        look: how many images are tried, and for how long.
    """
    tally = engagement.watch.tally
    thorough = any(is_thorough(part) and part.loss != "quadratic" for part in parts)
    if x.dim() != 4 or not thorough or not engagement.judge.at_once or tally.random or tally.batch:
        return {}
    standing = (~sought.fooled).nonzero().squeeze(1)
    at_first = min(look.first[0], int(look.of_standing * len(standing)))
    fooled = tried = queries = 0
    for images, queries in ((at_first, look.first[1]), look.then):
        tried = min(images, len(standing))
        squares = squares_like(parts[-1], queries)
        if tried < _FEWEST or not squares or any(p.only_asks and p.effort >= squares[0].effort for p in parts):
            return {}
        some = standing[torch.linspace(0, len(standing) - 1, tried).long()]
        fooled = engagement.fooled_by(squares[0], x[some], y[some])
        if not fooled:
            return {}
    if fooled < max(look.fewest, look.share * tried) or fooled / tried * len(standing) <= TOLERATED * len(x):
        return {}
    seen = f"{queries} random squares fooled {fooled} of {tried} images that gradients had left standing"
    return {"hidden gradients": f"{seen}: the network hides its gradients from this attack{look.after}"}
