"""What a network is asked before it is attacked: does it answer twice alike, and move as its gradients say?"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor

from .agreement import LARGEST, Agreement, signs

FEW = 8
"""Images of a batch that are tried."""
SMALL = 2 / 255
"""A step of pixels that rounding to 256 levels does not swallow, and on which maxima of a network seldom change."""
HIDES = 0.25
"""Pixels without gradient hide it if their steps do more than this share of what those of others do. On networks with
max-pooling, where some pixels have none for a few images, they do 0.2 at most."""
ROUNDING = 1e-6
"""Share of the largest logit below which a change is none."""
_DIFFERS = 1e-4  # of the largest logit: AutoAttack's threshold for a randomised network
_ORDERS = 1e3  # between the largest output and the least; of logits, hardly ever all are positive
_ORDERS_ABOVE_ZERO = 1e6  # of ten outputs behind a ReLU, one in half of the rows is hardly ever so close to zero
_BENT = 0.01  # of the outputs: how far off a straight line they are if something squashes them
_TOLD = 32  # outputs: those of 16 images and two classes
_STEPS = (1e-3, 1e-2)  # pixels; a quantised input only moves at the longer one, and a curved network is straight at the
# shorter one, so gradients are believed if they say what happens at either; shorter where the ball is smaller, as it is
# where a unit of the pixels is many of the network's (standardised images)
_RANDOM_DIRECTIONS = 2
_ASIDE = 10  # of the shorter steps, of which a radius has ten at least


def few_of(x: Tensor) -> Tensor:
    """Rows of some images of a batch, from last to first, and not all of them if there are three or more."""
    rows = torch.arange(0, len(x), max(1, len(x) // FEW), device=x.device).flip(0)
    return rows[:-1] if len(x) > 2 else rows


def subsets(alive: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Equally many pixels without gradient and with one, at random, each of the shape of `alive`, zeros and ones."""
    chosen = []
    size = int(min(alive.sum(), (~alive).sum()))
    for kind in (~alive, alive):
        rows = kind.flatten().nonzero().squeeze(1)
        rows = rows[torch.randperm(len(rows), generator=draw)[:size].to(rows.device)]
        chosen.append(torch.zeros(alive.numel(), device=alive.device).index_fill_(0, rows, 1.0).view(alive.shape))
    return chosen[0], chosen[1]


def differ(one: Tensor, other: Tensor, dtype: torch.dtype) -> bool:
    """Whether two evaluations differ by more than rounding in `dtype` explains."""
    return bool((one - other).abs().max() > _slack(dtype) * one.abs().max())


def are_probabilities(outputs: Tensor) -> bool:
    """Whether outputs are probabilities, normalised or not, of which the logarithm is what gradients can be had from.

    Every row lies in [0, 1] and sums to 1; or outputs are one number each, in [0, 1]; or all are positive, and in half
    of the rows the largest is a thousand times the least, as after an exponential. Where some of these are too small
    for their type and so zero, as outputs of a ReLU are too, the largest is a million times the least that is not. A
    network that says the same of all images is not meant.
    """
    outputs = outputs.reshape(len(outputs), -1).float()
    if not len(outputs) or bool((outputs == outputs[:1]).all()):
        return False
    sums_to_one = outputs.shape[1] == 1 or bool((outputs.sum(1) - 1).abs().max() < 1e-3)
    if sums_to_one and bool(((outputs >= 0) & (outputs <= 1)).all()):
        return True
    if bool((outputs < 0).any()):
        return False
    zero = outputs == 0
    least, most = outputs.masked_fill(zero, torch.inf).amin(1), outputs.amax(1)
    return bool((most / least).median() >= (_ORDERS_ABOVE_ZERO if zero.any() else _ORDERS))


def is_squashed(logits: Tensor, outputs: Tensor) -> bool:
    """Whether outputs are one function of the logits, each of its own, that never falls and is no straight line.

    Not where there are so few of them that they may lie so by chance.

    Args:
        logits: what a network computed on its way, (batch, classes).
        outputs: what it gave in the end, of the same shape.
    """
    z, order = logits.detach().double().flatten().sort()
    out = outputs.detach().double().flatten()[order]
    if len(z) < _TOLD:
        return False
    wide, high = z[-1] - z[0], out[-1] - out[0]
    if not (torch.isfinite(wide) and torch.isfinite(high) and wide > 0 and high > 0):
        return False
    rises = bool((out.diff() >= -ROUNDING * high).all())
    z, out = z - z.mean(), out - out.mean()
    bent = out - (out @ z) / (z @ z) * z
    return rises and bool(bent.norm() > _BENT * out.norm())


@dataclass
class Straightness:
    """How the lead of the highest logit changes in small steps, beside what its gradient says; summed over batches."""

    steps: tuple[float, ...]
    """Lengths in pixels, the shortest first."""
    up: dict[float, list[float]] = field(default_factory=dict)
    """Up the gradient, for each length of a step: the change, the change as predicted, and what rounding explains."""
    aside: dict[float, list[float]] = field(default_factory=dict)
    """In random directions: the squared change, the squared error of the prediction, what rounding explains, and the
    squared change that the gradient's length leads one to expect."""

    def __post_init__(self) -> None:
        """Nothing has been tried yet."""
        for step in self.steps:
            self.up[step], self.aside[step] = [0.0] * 3, [0.0] * 4

    @property
    def straight(self) -> bool:
        """Whether the gradient says what happens at one length of a step."""
        return any(map(self._passed, self.steps))

    def look(self, lead: Callable[[Tensor], Tensor], at: "_Place", floor: Tensor, draw: torch.Generator) -> None:
        """Try the gradients of some images.

        Args:
            lead: of images.
            at: the images, their leads, and the gradients of these; those without a finite gradient are left to other
                alarms.
            floor: what rounding explains of each lead.
            draw: of random directions.
        """
        size = at.gradient.flatten(1).abs().sum(1)
        told, gradient = torch.isfinite(size) & (size > 0), torch.nan_to_num(at.gradient)
        directions = [at.gradient.sign()]
        directions += [signs(at.x, draw) for _ in range(_RANDOM_DIRECTIONS)]
        for step in self.steps:
            for number, direction in enumerate(directions):
                moved = (at.x + step * torch.nan_to_num(direction)).clamp(0, 1)
                with torch.enable_grad():  # what a network is read as may depend on it
                    change = (lead(moved).detach() - at.lead)[told].double()
                pixel_by_pixel = (gradient * (moved - at.x)).flatten(1)[told].double()
                said = pixel_by_pixel.sum(1)
                if number:
                    expected = (pixel_by_pixel**2).sum(1)  # the mean square of a sum whose signs are drawn
                    _add(self.aside[step], change**2, (change - said) ** 2, floor[told] ** 2, expected)
                else:
                    _add(self.up[step], change, said, floor[told])
            if self._passed(step):
                return

    def _passed(self, step: float) -> bool:
        change, said, slack = self.up[step]
        square, error, slack_aside, expected = self.aside[step]
        straight = abs(change - said) <= 0.5 * max(abs(change), abs(said)) + slack
        # A few random directions may happen to change next to nothing; then any kink of the network is a large error.
        return straight and error <= 0.5 * max(square, expected) + slack_aside


@dataclass(frozen=True)
class _Place:
    """Images, their leads, and the gradients of these."""

    x: Tensor
    lead: Tensor
    gradient: Tensor

    @classmethod
    def of(cls, x: Tensor, lead: Tensor) -> Self:
        """From leads that were computed from images which require gradients."""
        (gradient,) = torch.autograd.grad(lead.sum(), x)
        return cls(x.detach(), lead.detach(), gradient)


@dataclass
class GradientTrial:
    """Whether gradients say what happens, at some images of each batch or else beside them.

    A digit is black all around, and there many pixels tie for the largest of a window, or sit where a ReLU begins: a
    step of any of them does something, and the gradient knows of one or none. So where it is wrong at the images, they
    are left by a few steps in random directions.
    """

    reach: float = 1.0
    """By how much the attack may change a pixel: steps are no longer than that, and the shorter one than a tenth."""
    nearby: float = LARGEST
    """Pixels within which gradients should agree."""
    other: bool = False
    """Whether the network answers otherwise where it is asked for gradients, so that these are another network's."""

    def __post_init__(self) -> None:
        """Nothing has been tried yet."""
        short, long = _STEPS
        steps = min(short, self.reach / 10), min(long, self.reach)
        self.images, self.beside = Straightness(steps), Straightness(steps)
        self.agreement = Agreement(self.nearby)

    @property
    def failed(self) -> bool:
        """Whether the gradient says what happens neither at images nor beside them, or is that of another network."""
        return self.other or not (self.images.straight or self.beside.straight)

    def look(
        self,
        forward: Callable[[Tensor], Tensor],
        x: Tensor,
        dtype: torch.dtype,
        draw: torch.Generator,
        answers: Tensor | None = None,
    ) -> None:
        """Try the gradients at some images.

        Args:
            forward: the network, as the attack reads it.
            x: the images, (batch, ...).
            dtype: what the attack searches in.
            draw: of random directions.
            answers: the logits that the network gives where no gradient is asked for; None where the attack reads it as
                something else.
        """
        leaf = x.detach().clone().requires_grad_()
        with torch.enable_grad():
            logits = forward(leaf)
            if answers is not None:
                self.other |= differ(answers, logits.detach().float(), dtype)
            if not logits.requires_grad:
                return
            first, second = logits.detach().topk(2).indices.T
            at = _Place.of(leaf, _lead(logits, first, second))
        floor = _slack(dtype) * logits.detach().float().abs().amax(1)

        def lead(images: Tensor) -> Tensor:
            return _lead(forward(images), first, second)

        def place(images: Tensor) -> _Place:
            leaf = images.detach().clone().requires_grad_()
            with torch.enable_grad():
                return _Place.of(leaf, lead(leaf))

        self.agreement.look(lambda images: place(images).gradient, x, at.gradient, draw)
        self.images.look(lead, at, floor, draw)
        if not self.images.straight:
            away = _ASIDE * self.images.steps[0] * signs(x, draw) * torch.rand(x.shape, generator=draw).to(x)
            self.beside.look(lead, place((x + away).clamp(0, 1)), floor, draw)


def _add(sums: list[float], *parts: Tensor) -> None:
    for at, part in enumerate(parts):
        sums[at] += float(part.sum())


def _lead(logits: Tensor, first: Tensor, second: Tensor) -> Tensor:
    logits = logits.float()
    return logits.gather(1, first[:, None]).squeeze(1) - logits.gather(1, second[:, None]).squeeze(1)


def _slack(dtype: torch.dtype) -> float:
    return max(_DIFFERS, 16 * torch.finfo(dtype).eps)
