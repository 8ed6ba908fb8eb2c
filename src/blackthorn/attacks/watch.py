"""Looks at every gradient and every output while a network is attacked, and mends what cannot be followed.

Within `Watch` the network's forward pass is wrapped: it is given copies of images, in the type of its weights; whatever
it gives is read as logits; and the gradient that comes back to the images is looked at before the attack sees it. So
every attack is watched, also a person's own, at the cost of one look at each gradient.

- A gradient that is not finite is replaced by that of nearby images.
- Of a network that answers at random, gradients are averaged over several draws.
- A gradient that is zero is looked for behind rounding and detached parts (straight through).
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..models.modes import frozen
from ..models.outputs import LastSquashing, Passing, as_logits, dtype_of, is_one_number, tensor_in
from .agreement import LARGEST
from .alarms import TOLERATED, Tally
from .ball import Ball
from .mending import Mending
from .trials import FEW, HIDES, ROUNDING, SMALL, GradientTrial, are_probabilities, differ, few_of, is_squashed, subsets
from .verdict import logits_of


class Watch:
    """One attack on a network, watched; a context manager that leaves the network as it was."""

    def __init__(
        self,
        model: nn.Module,
        *,
        mends: bool = True,
        follows: bool = True,
        reach: float = 1.0,
        nearby: float = LARGEST,
    ) -> None:
        """Watch a network.

        Args:
            model: the network, in eval mode.
            mends: whether gradients that cannot be followed are mended, or only counted.
            follows: whether any attack follows gradients, so that they are tried beforehand.
            reach: by how much attacks may change a pixel.
            nearby: within how many pixels gradients should agree.
        """
        self.tally = Tally()
        self.ball: Ball | None = None
        """Of the search that is under way."""
        self._mends, self._follows = mends, follows
        self._model, self._own = model, vars(model).get("forward")
        self._forward: Callable[..., Any] = model.forward
        self._name, self._dtype = type(model).__name__, dtype_of(model)
        self._mending = Mending(self._unseen)
        self._trial = GradientTrial(reach, nearby)
        self._draw = torch.Generator().manual_seed(0)
        self._squashed: int | None = None
        """Which of the tensors of the output's shape is attacked in its place."""
        self._through = self._no_way = False
        """Whether every gradient is taken straight through; whether that was tried in vain."""

    def __enter__(self) -> Self:
        """Begins to watch."""
        self._model.forward = self._seen
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stops watching."""
        if self._own is None:
            del self._model.forward
        else:
            self._model.forward = self._own

    def read(self, x: Tensor) -> None:
        """Once, before anything else: are the outputs probabilities, or logits that were squashed one by one?"""
        with torch.no_grad(), LastSquashing() as last, Passing() as passing:
            output = tensor_in(self._forward(x.clone().to(self._dtype)), self._name)
        self.tally.probabilities = last.behind(output) is not None or are_probabilities(output)
        if not self.tally.probabilities:
            passed = enumerate(passing.shaped(output))
            self._squashed = next((place for place, before in passed if is_squashed(before, output)), None)
            self.tally.squashed = self._squashed is not None

    def before(self, x: Tensor, y: Tensor) -> Tensor:
        """Logits (batch, classes) of untouched images, float32; on the way the network is tried on some of them."""
        logits, few = logits_of(self._model, x), few_of(x)
        self.tally.look(logits, y)
        if not self.tally.random and differ(logits[few], logits_of(self._model, x[few]), self._dtype):
            self.tally.random = differ(logits, logits_of(self._model, x), self._dtype)
            self.tally.batch |= not self.tally.random
        if self._follows and not (self.tally.random or self.tally.batch):
            with frozen(self._model):
                answers = None if self.tally.probabilities or self.tally.squashed else logits[few]
                self._trial.look(self._unseen, x[few], self._dtype, self._draw, answers)
            self.tally.wrong, self.tally.shattered = self._trial.failed, self._trial.agreement.shattered
        return logits

    def _seen(self, x: Tensor, *more: Any, **options: Any) -> Tensor:
        """The network's forward pass while it is watched."""
        logits = self._unseen(x, *more, **options)
        if not (torch.is_grad_enabled() and x.requires_grad):
            return logits
        if not logits.requires_grad:
            self.tally.detached = True
            logits = logits + 0 * x.flatten(1).sum(1, keepdim=True).to(logits)
        upstream: list[Tensor] = []

        def above(gradient: Tensor) -> None:
            upstream[:] = [gradient.detach()]

        def below(gradient: Tensor) -> Tensor:
            return self._looked_at(gradient, x, upstream[0]) if upstream else gradient

        logits.register_hook(above)  # type: ignore[no-untyped-call]
        x.register_hook(below)  # type: ignore[no-untyped-call]
        return logits

    def _unseen(self, x: Tensor, *more: Any, **options: Any) -> Tensor:
        """Logits of a copy of the images; of probabilities their logarithm. For gradients, what these were made of, or
        logits before they were squashed.
        """
        given = x.clone()
        given = given if torch.is_autocast_enabled(x.device.type) else given.to(self._dtype)
        if self._squashed is not None and torch.is_grad_enabled():
            with Passing() as passing:
                output = tensor_in(self._forward(given, *more, **options), self._name)
            passed = passing.shaped(output)  # fewer where a network takes another path for other images
            return as_logits(passed[self._squashed] if self._squashed < len(passed) else output)
        if not self.tally.probabilities:
            return as_logits(tensor_in(self._forward(given, *more, **options), self._name))
        with LastSquashing() as last:
            output = tensor_in(self._forward(given, *more, **options), self._name)
        behind = last.behind(output)
        if behind is not None and (torch.is_grad_enabled() or is_one_number(output)):
            return as_logits(behind)
        likely = output.float()
        if is_one_number(output):
            return as_logits(likely.logit(torch.finfo(torch.float32).eps))
        return likely.clamp_min(torch.finfo(torch.float32).tiny).log()

    def _looked_at(self, gradient: Tensor, x: Tensor, upstream: Tensor) -> Tensor:
        """The gradient that the attack is given, and a count of what was found in it."""
        largest = gradient.detach().flatten(1).abs().amax(1)
        broken = ~torch.isfinite(largest)
        self.tally.gradients += len(largest)
        if broken.any():
            self.tally.broken += int(broken.sum())
            if self._mends:
                gradient = torch.where(_wide(broken, x), self._mending.near(x, upstream), gradient)
                largest = gradient.detach().flatten(1).abs().amax(1)
        zero = largest == 0
        self.tally.zero += int(zero.sum())
        self._look_at_pixels(gradient.detach(), x, upstream)
        if not self._mends:
            return gradient
        if self.tally.random:
            return self._mending.mean(gradient, x, upstream)
        if self.tally.shattered:
            return self._mending.around(x, upstream, self._trial.agreement.distance)
        if (self._through or bool(zero.any())) and not self._no_way:
            opened = self._mending.through(x, upstream)
            wanted = torch.ones_like(zero) if self._through else zero
            if opened is None or not opened[wanted].any():
                self._no_way = True
            else:
                gradient = torch.where(_wide(wanted, x), opened, gradient)
        return gradient

    def _look_at_pixels(self, gradient: Tensor, x: Tensor, upstream: Tensor) -> None:
        """Once in a search: do pixels whose gradient is zero for all images change what is climbed, as others do?"""
        ball, self.ball = self.ball, None
        if ball is None:
            return
        alive = (gradient != 0).any(0)
        self.tally.alive = alive if self.tally.alive is None else self.tally.alive | alive
        share = (~alive).float().mean().item()
        if isinstance(ball.eps, Tensor) or not 0 < ball.eps < 0.5 or len(x) < FEW or not TOLERATED < share < 1:
            return
        with torch.no_grad():
            before = self._unseen(x.detach()[:FEW])
        dead, others = (self._moved_by(some, x, before, upstream, ball) for some in subsets(alive, self._draw))
        if dead > HIDES * others and dead > ROUNDING * before.abs().amax().item():
            self.tally.hidden_pixels = max(self.tally.hidden_pixels, share)
            self._through = True

    def _moved_by(self, pixels: Tensor, x: Tensor, before: Tensor, upstream: Tensor, ball: Ball) -> float:
        """By how much a small step of some pixels changes what is climbed, in units of the logits."""
        some, pull = x.detach()[:FEW], upstream[:FEW].float()
        with torch.no_grad():
            after = self._unseen(ball.project(some + SMALL * torch.where(some < 0.5, 1.0, -1.0) * pixels, some))
        climbed = (pull * (after - before)).sum(1).abs()
        return (climbed / pull.abs().sum(1).clamp_min(1e-30)).mean().item()


def _wide(rows: Tensor, x: Tensor) -> Tensor:
    """Bools for each image, shaped like the images."""
    return rows.reshape(-1, *[1] * (x.dim() - 1))
