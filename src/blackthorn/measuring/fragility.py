"""Which images are the easiest to fool, and how small a radius suffices."""

import time
import warnings
from typing import Literal

import torch
from torch import Tensor, nn

from ..attacks import PGD, AttackWarning, Crafted, craft
from ..attacks.ball import Norm
from ..data import pixels
from ..models.answers import answers
from ..resources import WithResources
from ..results import FragilityRecord
from ..types import Progress
from ..values import Count, Radius, check_radius, value
from .accuracy import natural_flags
from .images import evenly, how_many
from .measure import Measure, Measurement, Subject
from .randomness import own_randomness
from .sanity import ball_doubted, outputs_doubted

_DOUBTED = 200  # images that the checks look at, as those of `sanity`
_SHOWN = 12  # images kept for people to look at


@value
class Fragility(WithResources, Measure):
    """The smallest radius that fools each image, on a ladder of radii up to `eps`.

    PGD with the margin loss climbs the ladder from the smallest radius on, and an image leaves at the first that fools
    it. An attack gives no more than an upper bound: an image may be fooled by less than is found here. What `sanity`
    doubts of outputs and gradients is a warning.
    """

    kind: Literal["fragility"] = "fragility"
    eps: Radius
    """The largest radius, in pixels of [0, 1]."""
    norm: Norm = "linf"
    rungs: Count = 8
    """How many radii: eps/rungs, 2 eps/rungs, ..., eps."""
    steps: Count = 10
    """Of PGD, at each radius."""
    batch_size: Count = 250
    """Images at a time."""
    n_max: Count | None = None
    """Look at only this many images, evenly spread over the set and the same for every network."""

    def __post_init__(self) -> None:
        check_radius(self.eps, self.norm)
        if not self.eps:
            raise ValueError("eps: a radius above 0 is wanted")

    def effort(self, images: int) -> float:
        """Two passes for each step, on as many images as stand."""
        return 2.0 * self.rungs * self.steps * how_many(images, self.n_max)

    def measure(self, subject: Subject, *, progress: Progress | None = None) -> Measurement:
        """One record, and the most fragile images with what fools them."""
        start = time.perf_counter()
        index = evenly(len(subject.x), self.n_max)
        x, y = pixels(subject.x[index.to(subject.x.device)]), subject.y[index.to(subject.y.device)]
        right = natural_flags(subject.model, x, y, batch_size=self.batch_size)
        radii = [self.eps * rung / self.rungs for rung in range(1, self.rungs + 1)]
        rungs, x_adv = torch.full_like(y, self.rungs), x.clone()  # on which an image fell; past the last: on none
        standing = right.clone()
        alarms: dict[str, None] = {}
        for rung, eps in enumerate(radii):
            left = standing.nonzero().squeeze(1)
            if len(left):
                attack = PGD(norm=self.norm, eps=eps, steps=self.steps, loss="margin")
                found = _crafted(attack, subject.model, x[left], y[left], self.batch_size)
                hit, alarms = left[found.fooled], dict.fromkeys((*alarms, *found.alarms))
                rungs[hit], x_adv[hit], standing[hit] = rung, found.x_adv[found.fooled], False
            if progress is not None:
                progress("fragility", rung + 1, len(radii))
        fell = torch.bincount(rungs[right], minlength=self.rungs + 1)[: self.rungs]
        weakest = torch.where(right, rungs, self.rungs)
        order = torch.argsort(weakest, stable=True)[: min(_SHOWN, int(fell.sum()))]
        record = FragilityRecord(
            value=int((weakest == self.rungs).sum() - (~right).sum()) / len(x),
            n=len(x),
            wrong=int((~right).sum()),
            radii=tuple(radii),
            fooled=tuple(fell.tolist()),
            norm=self.norm,
            weakest=tuple(index[order.cpu()].tolist()),
            weakest_radii=tuple(radii[rung] for rung in rungs[order].tolist()),
            alarms=tuple(alarms),
            warnings=tuple(_doubts(subject.model, x, y)),
            seconds=time.perf_counter() - start,
        )
        return Measurement([record], None, _examples(subject.model, x[order], x_adv[order], y[order]))


def _doubts(model: nn.Module, x: Tensor, y: Tensor) -> list[str]:
    """What the outputs, and images that stand where none can, say of the network."""
    index = evenly(len(x), _DOUBTED).to(x.device)
    return [*outputs_doubted(model, x[index]), *ball_doubted(model, x[index], y[index])]


def _crafted(attack: PGD, model: nn.Module, x: Tensor, y: Tensor, batch_size: int) -> Crafted:
    """As `craft`; the reasons of alarms stand with the accuracies."""
    with warnings.catch_warnings(), own_randomness(x.device):
        warnings.simplefilter("ignore", AttackWarning)
        return craft(attack, model, x, y, batch_size=batch_size, precision="float32")


def _examples(model: nn.Module, x: Tensor, x_adv: Tensor, y: Tensor) -> dict[str, Tensor] | None:
    """As `images.shown`, of these images; None where none was fooled."""
    if not len(x):
        return None
    kept = {
        "original": x,
        "adversarial": x_adv,
        "label": y,
        "predicted": answers(model, x),
        "predicted_adversarial": answers(model, x_adv),
    }
    return {name: tensor.cpu().contiguous() for name, tensor in kept.items()}
