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

# Iterations at which the share of pixels of a square is halved; sec. 5.1 of the paper, there of 10,000.
_HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)

_AT_ONCE = 96
"""Images shown together; larger batches are no faster on CPUs."""
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
        x, y, live = problem.x, problem.y, problem.live.clone()
        eps = problem.ball.each(x).eps
        rows = torch.arange(len(x), device=x.device)
        luck = Luck.of(self, x, problem.run)
        best = self._first(x, eps, luck)  # type: ignore[arg-type]
        result, worth = best.clone(), x.new_full((len(x),), -torch.inf)
        query = torch.zeros_like(rows)  # the next one of each image
        ahead = 1
        always: Tensor | None = None
        while True:
            live = live & (query < self.queries)
            if not live.all():
                result[rows] = best
                x, y, rows, eps, best, worth, query = (a[live] for a in (x, y, rows, eps, best, worth, query))  # type: ignore[index]
            if not len(rows):
                return result
            # Each image is shown its next queries together, as if none of them changed it; what comes after one that
            # does is asked again. So small batches become large ones, and nothing else changes.
            image = torch.arange(len(rows), device=x.device).repeat_interleave(ahead)
            asked = (query[:, None] + torch.arange(ahead, device=x.device)).flatten().clamp_max(self.queries - 1)
            begins = not query.any()
            before = best if ahead == 1 else best[image]
            proposed = before if begins else self._propose(x[image], eps[image], before, luck, asked)  # type: ignore[index]
            some = torch.arange(len(image), device=x.device)
            if not begins:
                some = some[(proposed != before).flatten(1).any(1)]
            gain = torch.zeros_like(asked)
            lead = torch.full_like(worth[image], -torch.inf)
            if len(some):
                shown = proposed[some]
                logits = problem.forward(shown)
                if begins and len(some) > 1:
                    always = logits[:1]
                if always is not None and bool((logits != always).any()):
                    always = None
                lead[some] = margin(logits, y[image[some]]) * (-1 if self.targeted else 1)
                gain[some] = (lead > worth[image])[some].long()
                if problem.stop is not None:
                    done = problem.stop(logits, shown, rows[image[some]])
                    gain[some[done]] = 2
            if always is not None and int(query.min()) >= _PATIENCE:
                break
            most, first = gain.view(-1, ahead).max(1)
            taken = first + ahead * torch.arange(len(rows), device=x.device)
            best = torch.where(per_image(most, x) > 0, proposed[taken], best)
            worth = torch.where(most > 0, lead[taken], worth)
            live = most < 2
            query = query + torch.where(most > 0, first + 1, ahead)
            ahead = self._ahead(ahead, len(rows), int((most > 0).sum()))
        result[rows] = best
        return result

    def _ahead(self, ahead: int, images: int, taken: int) -> int:
        """How many queries each image is shown next: half of those between two that help, if the batch has room."""
        if self.norm == "l2":
            return 1  # where length is taken from depends on all queries before
        wanted = 2 * ahead if not taken else ahead * images // (2 * taken)
        return max(1, min(wanted, _AT_ONCE // images))

    def _first(self, x: Tensor, eps: Tensor, luck: "Luck") -> Tensor:
        if self.norm == "l2":
            return first_l2(x, eps, luck.stripes)
        return (x + per_image(eps, x) * luck.stripes.to(x)).clamp_(0, 1)

    def _propose(self, x: Tensor, eps: Tensor, best: Tensor, luck: "Luck", asked: Tensor) -> Tensor:
        """What each image is shown at its query; in l2 they are all at the same one."""
        if self.norm == "linf":
            return _painted(x, eps, best, luck, asked)
        query = int(asked[0])
        side, top, left, other_top, other_left = luck.windows[query].tolist()
        signs = luck.signs[query].to(x)[:, None, None]
        return propose_l2(x, eps, best, side, (top, left), (other_top, other_left), signs, luck.turned[query])


def _painted(x: Tensor, eps: Tensor, best: Tensor, luck: "Luck", asked: Tensor) -> Tensor:
    """The best images so far, with a square at plus or minus eps each."""
    side, top, left = luck.windows[asked, :3].T[:, :, None]
    row, column = (torch.arange(n, device=x.device) for n in x.shape[2:])
    inside = ((row >= top) & (row < top + side))[:, :, None] & ((column >= left) & (column < left + side))[:, None]
    colour = (x + per_image(eps, x) * luck.signs[asked][:, :, None, None]).clamp_(0, 1)
    return torch.where(inside[:, None], colour, best)


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
    windows: Tensor
    """For each query the side of its squares and where they begin: top, left, and again for the second of l2."""
    signs: Tensor
    """(queries, channels): plus or minus one."""
    turned: list[bool]
    """Whether the pattern of an l2 query stands on its side."""

    @classmethod
    def of(cls, attack: Square, x: Tensor, run: int) -> "Luck":
        """The numbers that a run of an attack on such images draws."""
        generator = torch.Generator().manual_seed(1000 * attack.seed + run)
        channels, height, width = x.shape[1:]

        def signs(*shape: int) -> Tensor:
            return (2.0 * torch.randint(2, shape, generator=generator) - 1).to(x)

        stripes = signs(channels, 1, width)
        places = torch.rand(attack.queries, 4, generator=generator, dtype=torch.float64)
        turned = (torch.rand(attack.queries, generator=generator) > 0.5).tolist()
        least = 1 if attack.norm == "linf" else 3
        sides = [side_of(attack.share, query, height, width, least) for query in range(attack.queries)]
        side = torch.tensor(sides)[:, None]
        corners = (places * (torch.tensor([height, width, height, width]) - side + 1)).long()
        return cls(stripes, torch.cat([side, corners], 1).to(x.device), signs(attack.queries, channels), turned)
