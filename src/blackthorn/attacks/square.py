"""Square Attack: random squares of colour, each kept if it helps. It asks for logits and for no gradients."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ..errors import AttackError
from ..values import Count, Radius, Rate, Whole, value
from .ball import Norm, per_image
from .losses import margin
from .problem import Problem
from .search import Search
from .square_l2 import first_l2, propose_l2
from .thinning import thinned

# Iterations at which the share of pixels of a square is halved; sec. 5.1 of the paper, there of 10,000.
_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)

_PATIENCE = 100  # queries; a network that has said the same of all images until then is taken for a constant


@value
class Square(Search):
    """Random search with squares: it finds what attacks that follow gradients cannot see when gradients are hidden.

    In linf the image begins with vertical stripes at plus or minus eps, and each query paints one square with plus or
    minus eps. In l2 each query moves length from one window into a peaked pattern in another. Squares are the same for
    all images, from a generator of its own, so an image does not depend on its batch. A query that would change
    nothing is not asked of the network. Where 100 queries of several images have all been answered by the same logits,
    the network is a constant, and the search ends.

    Reference: Andriushchenko et al. 2020, "Square Attack: a query-efficient black-box adversarial attack via random
    search", Algorithms 1 to 3; 5,000 queries and `share=0.8` as in Croce and Hein 2020, sec. 6.
    """

    kind: Literal["square"] = "square"
    norm: Norm = "linf"
    """Which ball: linf (largest change of a pixel) or l2 (Euclidean length of the change)."""
    eps: Radius
    """Radius of the ball, in pixels of [0, 1]: 8/255, not 8."""
    queries: Count = 5000
    """Images shown to the network in each run, at most."""
    share: Rate = 0.8
    """Share of the pixels that the first squares cover (p_init of the paper)."""
    restarts: Count = 1
    """Runs from different random numbers; an image counts as fooled when one of them fools it."""
    targeted: bool = False
    """Take `y` as the class to reach instead of the class to leave."""
    seed: Whole = 0
    """Of the squares."""

    needs_gradients: ClassVar[bool] = False
    only_asks: ClassVar[bool] = True

    @property
    def effort(self) -> float:
        """A query is about a third of a gradient."""
        return max(1.0, self.queries * self.restarts / 3)

    def search(self, problem: Problem) -> Tensor:
        """The best images of a run, or for a finished image that at which it was finished.

        Raises:
            AttackError: `problem.x` has no height and width.
        """
        if problem.x.dim() != 4:
            raise AttackError(
                f"square paints on images of shape (batch, channels, height, width), not on {tuple(problem.x.shape)}"
            )
        with torch.no_grad():
            return self._search(problem)

    def _search(self, problem: Problem) -> Tensor:
        x, y, live, full = problem.x, problem.y, problem.live.clone(), len(problem.x)
        eps = problem.ball.each(x).eps
        rows = torch.arange(full, device=x.device)
        luck = Luck.of(self, x, problem.run)
        best = self._first(x, eps, luck)  # type: ignore[arg-type]
        result, worth = best.clone(), x.new_full((full,), -torch.inf)
        always: Tensor | None = None
        for query in range(self.queries):
            if (kept := thinned(live, full)) is not None:
                result[rows] = best
                x, y, rows, live, eps, best, worth = (a[kept] for a in (x, y, rows, live, eps, best, worth))  # type: ignore[index]
            if not len(rows):
                return result
            proposed = best if not query else self._propose(x, eps, best, luck, query)  # type: ignore[arg-type]
            asked = live if not query else live & (proposed != best).flatten(1).any(1)
            some = asked.nonzero().squeeze(1)
            if not len(some):
                continue
            shown = proposed[some]
            logits = problem.forward(shown)
            if not query and len(some) > 1:
                always = logits[:1]
            if always is not None and bool((logits != always).any()):
                always = None
            if always is not None and query >= _PATIENCE:
                break
            lead = margin(logits, y[some])
            lead = -lead if self.targeted else lead
            better = lead > worth[some]
            if problem.stop is not None:
                done = problem.stop(logits, shown, rows[some])
                live[some[done]] = False
                better |= done
            best[some[better]], worth[some[better]] = shown[better], lead[better]
        result[rows] = best
        return result

    def _first(self, x: Tensor, eps: Tensor, luck: "Luck") -> Tensor:
        if self.norm == "l2":
            return first_l2(x, eps, luck.stripes)
        return (x + per_image(eps, x) * luck.stripes.to(x)).clamp_(0, 1)

    def _propose(self, x: Tensor, eps: Tensor, best: Tensor, luck: "Luck", query: int) -> Tensor:
        height, width = x.shape[2:]
        side = side_of(self.share, query, height, width, least=1 if self.norm == "linf" else 3)
        top, left, other_top, other_left = (
            int(u * (room - side + 1)) for u, room in zip(luck.places[query], (height, width, height, width))
        )
        signs = luck.signs[query].to(x)[:, None, None]
        if self.norm == "l2":
            return propose_l2(x, eps, best, side, (top, left), (other_top, other_left), signs, luck.turned[query])
        proposed = best.clone()
        window = (..., slice(top, top + side), slice(left, left + side))
        proposed[window] = (x[window] + per_image(eps, x) * signs).clamp_(0, 1)
        return proposed


def side_of(share: float, query: int, height: int, width: int, least: int) -> int:
    """Side of the square at a query: the root of a share of the pixels that is halved again and again."""
    for halving in _HALVINGS:
        share = share / 2 if query > halving else share
    side = max(round(math.sqrt(share * height * width)), least)
    if least > 1:
        side += side % 2 == 0
    return min(side, height, width)


@dataclass
class Luck:
    """All random numbers of a run, drawn beforehand."""

    stripes: Tensor
    """Signs that an image begins with: (channels, 1, width) in linf, (channels, 25 and more) in l2."""
    places: list[list[float]]
    """Four numbers of [0, 1) for each query: where its windows are."""
    signs: Tensor
    """(queries, channels): plus or minus one."""
    turned: list[bool]
    """Whether the pattern of an l2 query stands on its side."""

    @classmethod
    def of(cls, attack: Square, x: Tensor, run: int) -> "Luck":
        """The numbers that a run of an attack on such images draws."""
        generator = torch.Generator().manual_seed(1000 * attack.seed + run)
        channels, width = x.shape[1], x.shape[3]

        def signs(*shape: int) -> Tensor:
            return 2.0 * torch.randint(2, shape, generator=generator) - 1

        stripes = signs(channels, 1, width)
        places = torch.rand(attack.queries, 4, generator=generator, dtype=torch.float64).tolist()
        turned = (torch.rand(attack.queries, generator=generator) > 0.5).tolist()
        return cls(stripes, places, signs(attack.queries, channels), turned)
