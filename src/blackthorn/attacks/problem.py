"""What an attack is given to solve: a network, images, a ball around each, and which images are still to be fooled."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from .ball import Ball
from .targets import classes_by_distance

Stop = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`stop(logits, x_adv, rows)` says which of the images at `rows` need no more work, as bool (len(rows),)."""


@dataclass(frozen=True, eq=False)
class Turns:
    """Several runs on the same images at once: what each row of a batch is."""

    number: Tensor
    """The number of the run, int64 (batch,)."""
    elsewhere: Tensor
    """Whether another run has finished the image, bool (batch,); kept up to date by `stop`."""


@dataclass(frozen=True, eq=False)
class Problem:
    """One batch of images to be changed inside their balls until a network misreads them.

    Random numbers are torch's global ones. An attack that draws some draws them for all images, whether they are live
    or not, so that what an image is given does not depend on what became of its neighbours.
    """

    forward: nn.Module
    """From float images to logits: the network in eval mode, ready for input gradients if the attack needs them."""
    x: Tensor
    """Images, float32 (batch, ...) in [0, 1]."""
    y: Tensor
    """Their labels, or the classes to reach if the attack is targeted, int64 (batch,)."""
    ball: Ball
    """Where adversarial images may lie, around each image; its radius may differ from the attack's own `eps`."""
    live: Tensor
    """Which images to work on, bool (batch,). What an attack returns for the others is not looked at."""
    run: int = 0
    """The number of the restart."""
    stop: Stop | None = None
    """Asked at every step which images are finished; None to go on to the end."""
    turns: Turns | None = None
    """Where several runs are searched at once, which attacks must agree to (`Search.stacks`); `run` is then the first.
    """
    _rivals: list[Tensor] = field(default_factory=list, repr=False)

    @classmethod
    def of_all(cls, forward: nn.Module, x: Tensor, y: Tensor, ball: Ball) -> "Problem":
        """The first run on all the images, to its end."""
        return cls(forward, x, y, ball, torch.ones(len(x), dtype=torch.bool, device=x.device))

    @property
    def numbers(self) -> Tensor:
        """The number of the restart for each image, int64 (batch,)."""
        return torch.full_like(self.y, self.run) if self.turns is None else self.turns.number

    def still(self, live: Tensor, rows: Tensor) -> Tensor:
        """Those of the live images, at these rows, that no other run has finished in the meantime."""
        return live if self.turns is None else live & ~self.turns.elsewhere[rows]

    @property
    def rivals(self) -> Tensor:
        """Wrong classes of each image, the easiest to reach first, (batch, at most 9); computed once for all runs."""
        if not self._rivals:
            self._rivals.append(classes_by_distance(self.forward, self.x, self.y, self.ball.norm))
        return self._rivals[0]
