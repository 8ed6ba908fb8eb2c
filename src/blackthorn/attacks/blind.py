"""A look at what gradients left standing: where random squares, which follow none, fool it, gradients were hidden.

Networks may hide gradients in ways that no look at a gradient tells. But on healthy networks an attack that follows
gradients for some steps leaves next to nothing that a hundred random squares find.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .alarms import TOLERATED
from .engagement import Engagement, Sought
from .onward import is_thorough, squares_like
from .search import Search

_FIRST = (12, 100)
_THEN = (64, 200)
"""Images that are tried, and queries for each; the second time only where one of the first images is fooled."""
_FEWEST = 4  # fooled images; fewer may be chance
_SHARE = 0.15
"""Share of the images tried that are fooled where gradients are hidden. Of what PGD-40 leaves, squares fool 3.2 % at
most on 54 networks without an alarm, and 30 % on one that hides its gradients (results/benchmarks/standing.json)."""


def fooled_blindly(
    engagement: Engagement, parts: Sequence[Search], x: Tensor, y: Tensor, sought: Sought
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
    """
    tally = engagement.watch.tally
    thorough = any(is_thorough(part) and part.loss != "quadratic" for part in parts)
    asked = any(part.only_asks for part in parts)
    if x.dim() != 4 or not thorough or asked or not engagement.judge.at_once or tally.random or tally.batch:
        return {}
    standing = (~sought.fooled).nonzero().squeeze(1)
    fooled = tried = queries = 0
    for images, queries in (_FIRST, _THEN):
        tried = min(images, len(standing))
        squares = squares_like(parts[-1], queries)
        if not squares or tried < _FEWEST:
            return {}
        some = standing[torch.linspace(0, len(standing) - 1, tried).long()]
        fooled = engagement.fooled_by(squares[0], x[some], y[some])
        if not fooled:
            return {}
    if fooled < max(_FEWEST, _SHARE * tried) or fooled / tried * len(standing) <= TOLERATED * len(x):
        return {}
    return {
        "hidden gradients": (
            f"{queries} random squares fooled {fooled} of {tried} images that gradients had left standing: "
            "the network hides its gradients from this attack"
        )
    }
