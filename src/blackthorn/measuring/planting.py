"""Adversarial examples that are planted, and whether an attack finds them.

For one image, a linear classifier of two classes is put on the penultimate features of the network. Points on the edge
of a slightly smaller ball are of class 0, and one point on the edge of the ball is of class 1. So there is an
adversarial example in the ball. An attack that misses it is too weak for this network or hindered by it, and what it
leaves standing proves nothing.

Reference: Zimmermann et al. 2022, "Increasing confidence in adversarial robustness evaluations", the binarization
test.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..attacks import Search
from ..attacks.ball import Ball
from ..attacks.problem import Problem
from ..attacks.search import lent
from ..attacks.verdict import fooled_by, logits_of
from ..channels.penultimate import penultimate
from ..data import Pixels, pixels
from ..errors import ModelError, PruningError
from ..models import eval_mode
from ..models.outputs import logits_from
from ..results.planted import EASY, ENOUGH
from ..results.statistics import wilson
from ..types import Progress
from .images import evenly
from .randomness import own_randomness

_INNER = 200  # points inside; the paper draws 999, which costs more and changes little
_WITHIN = 0.95  # of the radius: how far out they lie; eta of the authors' code
_EDGE = 16  # points on the edge that are tried, of which one is planted
_GUESSES = 200  # points on the edge that random search looks at
_ROUNDING = 1e-6  # what stands out by less, of the length of the features or of their difference, does not
_RIDGE = 1e-3  # of the mean variance of a feature: keeps the classifier from living on rounding


@dataclass(frozen=True)
class Planting:
    """What became of the examples that were planted."""

    images: int
    """Images that were looked at."""
    found: Tensor
    """bool (planted,): whether the attack found each of those that could be planted."""
    guessed: Tensor
    """bool (planted,): whether random search found it. Where it often does, the test is easy and says little."""

    @property
    def share(self) -> float:
        """Share that the attack found; 0 where none could be planted."""
        return self.found.float().mean().item() if len(self.found) else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of that share over images; all of [0, 1] where none could be planted."""
        return wilson(int(self.found.sum()), len(self.found)) if len(self.found) else (0.0, 1.0)

    def doubts(self, attack: Search) -> list[str]:
        """Why robust accuracies by this attack should not be believed, in one line; empty where they may be.

        Where random points find many too, class 1 fills much of the ball: what an attack misses there says nothing.
        """
        if self.interval[1] >= ENOUGH or self.guessed.float().mean() > EASY:
            return []
        return [
            f"{attack.name} finds {int(self.found.sum())} of {len(self.found)} adversarial examples that were planted "
            "in the balls of images: it is too weak for this network, or its gradients mislead it; take more steps, "
            'loss="margin", or {kind: autoattack}'
        ]


def plant_and_seek(
    model: nn.Module, x: Pixels, attack: Search, *, n_max: int = 50, progress: Progress | None = None
) -> Planting:
    """Plant an adversarial example in the ball of each image, and let an attack look for it.

    The attack is alone: nothing that hides gradients is mended, and no other attack goes on where it failed. The
    classifiers are as sure of an image as the network is, so that losses that saturate do so here too.

    The points of class 0 lie on the edge of a slightly smaller ball: points that fill the ball move the features less
    than any on its edge do, and random points then find class 1 as often as attacks.

    Departs: of 16 points on the edge the one that is told apart best is planted, by ridge regression; the level at
    which class 1 begins lies halfway between it and the points of class 0, where the authors take 0.999 of the way:
    small networks then have a class 1 so narrow that sound attacks miss it.

    Args:
        model: left as it was. Where it has no penultimate layer, its logits are taken for features.
        x: images, uint8 or float32 in [0, 1], (images, channels, height, width).
        attack: with the ball that is looked at.
        n_max: how many of the images, evenly spread.
        progress: called with ("planted", images done, images).
    """
    x = pixels(x[evenly(len(x), n_max).to(x.device)])
    found, guessed = [], []
    with eval_mode(model), own_randomness(x.device):
        features = _features(model, x)
        for number, image in enumerate(x[:, None]):
            if (planted := _plant(model, features, image, attack.ball)) is not None:
                found.append(_finds(attack, planted, image))
                guesses = _edge(attack.ball, image, _GUESSES)
                guessed.append(bool((logits_of(planted, guesses).argmax(1) == 1).any()))
            if progress is not None:
                progress("planted", number + 1, len(x))
    return Planting(len(x), torch.tensor(found, dtype=torch.bool), torch.tensor(guessed, dtype=torch.bool))


class Planted(nn.Module):
    """Two classes for one image: 1 above a level of a linear function of the features, else 0."""

    def __init__(self, model: nn.Module, features: Callable[[Tensor], Tensor], weight: Tensor, level: Tensor) -> None:
        super().__init__()
        self.model, self.features = model, features
        self.weight, self.level = nn.Buffer(weight), nn.Buffer(level)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (images, 2)."""
        above = self.features(x).float() @ self.weight - self.level
        return torch.stack([torch.zeros_like(above), above], 1)


def _features(model: nn.Module, x: Tensor) -> Callable[[Tensor], Tensor]:
    try:
        return penultimate(model, x[:2])
    except (ModelError, PruningError):
        return lambda images: logits_from(model, images)


def _plant(model: nn.Module, features: Callable[[Tensor], Tensor], x: Tensor, ball: Ball) -> Planted | None:
    """The classifier of one image, as sure of it as the network is; None where no point on the edge stands out."""
    inside = _edge(ball.scaled(_WITHIN), x, _INNER)
    edge = _edge(ball, x, _EDGE)
    with torch.no_grad():
        seen = features(torch.cat([x, inside, edge])).double()
    inner, outer = seen[: 1 + _INNER], seen[1 + _INNER :]
    centre = inner.mean(0)
    inner, outer = inner - centre, outer - centre
    likeness = inner @ inner.T
    ridge = _RIDGE * likeness.trace() / len(likeness) + 1e-30
    weights = (
        outer - torch.linalg.solve(likeness + ridge * torch.eye(len(likeness)).to(likeness), inner @ outer.T).T @ inner
    )
    high, others = (weights * outer).sum(1), (inner @ weights.T).amax(0)
    clear = (high - others) / high.clamp_min(1e-30)
    best = int(clear.argmax())
    if not (clear[best] > _ROUNDING and high[best] > (_ROUNDING * seen.norm(dim=1).mean()) ** 2):
        return None
    weight, level = weights[best], (high[best] + others[best]) / 2
    top = _lead(model, x)
    scale = top / (level - inner[0] @ weight)
    planted = Planted(model, features, (scale * weight).float(), (scale * (level + centre @ weight)).float())
    told = logits_of(planted, torch.cat([x, edge[best : best + 1]])).argmax(1)
    return planted if told.tolist() == [0, 1] else None  # else rounding ate the difference


def _lead(model: nn.Module, x: Tensor) -> Tensor:
    """How far the highest logit of an image is above the next, a number above 0."""
    with torch.no_grad():
        top = logits_from(model, x).double().topk(2).values[0]
    lead: Tensor = (top[0] - top[1]).clamp_min(1e-3)
    return lead


def _edge(ball: Ball, x: Tensor, n: int) -> Tensor:
    """Points as far from the image as the ball allows: corners, or points of the sphere, clipped to pixels."""
    images = x.expand(n, *x.shape[1:])
    return ball.project(images + ball.steepest(torch.randn(images.shape).to(x)), images)


def _finds(attack: Search, planted: Planted, x: Tensor) -> bool:
    """Whether one of the attack's runs finds an image of class 1."""
    y = torch.full((1,), int(attack.targeted), device=x.device)
    problem = replace(
        Problem.of_all(planted, x, y, attack.ball),
        stop=lambda logits, x_adv, rows: fooled_by(logits, y[rows], targeted=attack.targeted),
    )
    for run in range(attack.runs(classes=2)):
        with lent(planted, attack, x) as forward:
            x_adv = attack.search(replace(problem, forward=forward, run=run)).detach()
        if int(logits_of(planted, attack.ball.project(x_adv, x)).argmax()) == 1:
            return True
    return False
