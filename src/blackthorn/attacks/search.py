"""The protocol of attacks: everything that may be asked of one, with the answers that most attacks give.

A new attack is a frozen value that inherits from `Search`, has options, and says how it searches:

    @value
    class FGM(Search):
        kind: Literal["fgm"] = "fgm"
        norm: Literal["l2"] = "l2"
        eps: Radius

        def search(self, problem: Problem) -> Tensor: ...

Inputs, restarts, verdicts, early leaving and the check that images lie in the ball are not its business.
"""

import difflib
import warnings
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from ..models.layout import channels_last
from ..models.modes import eval_mode
from ..speed.convolutions import fast_convolutions
from .ball import Ball, Norm
from .gradients import attacking
from .inputs import checked
from .losses import Arithmetic, Reading, margin
from .problem import Problem
from .warning import AttackWarning

_ALIKE = 0.88  # share of common letters: "restart" is taken for a misspelt "restarts", "steps" not for "eps"


@runtime_checkable
class Search(Protocol):
    """An attack, as `craft`, training and measures see it."""

    eps: float
    """Radius of the ball, in pixels of [0, 1]. The only option that every attack must have."""
    norm: Norm = "linf"
    """Which ball: linf (largest change of a pixel) or l2 (Euclidean length of the change)."""
    targeted: bool = False
    """Whether `y` is the class to reach instead of the class to leave."""
    restarts: int = 1
    """How many runs there are; an image counts as fooled when one of them fools it."""
    loss: str | None = None
    """What is climbed; with `ce` the engine also looks for logits that saturate softmax."""
    clip: tuple[float, float] | None = None
    """The smallest and largest pixel that adversarial images have, where these are not 0 and 1."""
    arithmetic: Arithmetic = "exact"
    """Naive arithmetic is there to reproduce published numbers, so nothing that hides gradients is then mended."""
    needs_gradients: ClassVar[bool] = True
    """Whether `search` follows gradients. Without, the network is lent as it is, and nothing is computed in bf16."""

    only_asks: ClassVar[bool] = False
    """Whether it looks at logits only, so that what it finds is owed to no gradient."""

    stacks: ClassVar[bool] = False
    """Whether `search` heeds `problem.numbers` and `problem.still`, so that several runs can be searched at once."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse an attack without a radius, and members that look like a misspelt one of this protocol."""
        super().__init_subclass__(**options)
        above = cls.__mro__[: cls.__mro__.index(Search)]
        members = {name for base in above for name in (*vars(base), *vars(base).get("__annotations__", {}))}
        if "eps" not in members:
            raise TypeError(f"{cls.__name__} has no radius; give it the option eps: Radius")
        known = {name for name in (*vars(Search), *Search.__annotations__) if not name.startswith("_")}
        for member in sorted(members - known):
            close = [] if member.startswith("_") else difflib.get_close_matches(member, known, n=1, cutoff=_ALIKE)
            if close:
                raise TypeError(f"{cls.__name__}.{member} is asked for by nobody; did you mean '{close[0]}'?")

    def __post_init__(self) -> None:
        """Refuse a radius that cannot be; a value that checks more calls this first."""
        self.ball  # noqa: B018  # which refuses it

    @abstractmethod
    def search(self, problem: Problem) -> Tensor:
        """One run: adversarial images of the shape of `problem.x`, in the ball and in [0, 1].

        A finished image is returned as it was when `problem.stop` said so.
        """
        ...

    @property
    def ball(self) -> Ball:
        """Where adversarial images may lie."""
        return Ball(self.norm, self.eps, *(self.clip or (0.0, 1.0)))

    @property
    def name(self) -> str:
        """What messages call it."""
        return type(self).__name__

    @property
    def revision(self) -> int:
        """Raised when a correction changes its images: measures and trainings that use it are then done again."""
        return 1

    @property
    def draws(self) -> bool:
        """Whether random numbers have a part in it."""
        return False

    @property
    def effort(self) -> float:
        """Gradients of one image in all runs, roughly; for the remaining time."""
        return float(self.restarts)

    def runs(self, classes: int) -> int:
        """How many runs differ from one another on a network of so many classes."""
        return self.restarts

    def sequence(self, classes: int, alarms: Sequence[str] = ()) -> "tuple[Search, ...]":
        """The attacks that this one stands for, each on what those before it left; itself, for most.

        Args:
            classes: of the network.
            alarms: what was warned of so far. More of them may add attacks at the end, and change none before.
        """
        return (self,)

    def grade(self, alarms: Sequence[str] = ()) -> str | None:
        """How thorough the attack was, given what was warned of; None for one that has no degrees."""
        return None

    def reservations(self) -> list[str]:
        """What makes this attack weaker than its name, one line each."""
        return []

    def worth(self, logits: Tensor, y: Tensor) -> Tensor:
        """How good adversarial images with these logits are, shape (batch,): an image keeps the best of its runs."""
        lead = margin(logits, y)
        return -lead if self.targeted else lead

    def against(self, reading: Reading) -> Self | None:
        """This attack aimed at a detector that reads outputs in this way; None for one that knows of no detector."""
        return None

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        """Adversarial images of the shape of `x`, float32 in [0, 1]: of the only run, or the best of all runs.

        Every run goes to its end. `blackthorn.attacks.craft` does the same with less work and verifies the outcome.
        Random starts come from torch's global generator.

        Raises:
            AttackError: `x` is not in [0, 1], or labels do not fit.
        """
        x, y = checked(x, y)
        for reservation in self.reservations():
            warnings.warn(reservation, AttackWarning, stacklevel=2)
        with lent(model, self, x) as forward:
            return strongest(self, Problem.of_all(forward, x, y, self.ball))


@contextmanager
def lent(model: nn.Module, attack: Search, x: Tensor) -> Iterator[nn.Module]:
    """The network in eval mode, ready for input gradients if the attack needs them; restored afterwards.

    Args:
        model: any network.
        attack: what follows its gradients, or only asks it.
        x: images that it takes.
    """
    if attack.needs_gradients:
        with attacking(model, x) as forward:
            yield forward
    else:
        faster = fast_convolutions(model) if attack.only_asks else nullcontext()
        with eval_mode(model), torch.no_grad(), channels_last(model, x) if attack.only_asks else nullcontext(), faster:
            yield model


def strongest(attack: Search, problem: Problem) -> Tensor:
    """All runs of an attack, to their end: for each image the outcome that the attack thinks most of."""
    best = attack.search(problem).detach()
    if attack.restarts == 1:
        return best
    best = best.clone()  # it may be the images themselves
    logits = _logits(problem, best)
    worth = attack.worth(logits, problem.y)
    for run in range(1, attack.runs(logits.shape[1])):
        found = attack.search(replace(problem, run=run)).detach()
        now = attack.worth(_logits(problem, found), problem.y)
        better = now > worth
        best[better], worth[better] = found[better], now[better]
    return best


def _logits(problem: Problem, x_adv: Tensor) -> Tensor:
    with torch.no_grad():
        logits: Tensor = problem.forward(x_adv)
    return logits
