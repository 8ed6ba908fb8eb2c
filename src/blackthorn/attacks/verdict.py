"""Who says which images are fooled, and when: the attacked network itself at every step, or another one at the end."""

from typing import Protocol

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..models.answers import Predict, answers
from .losses import margin
from .problem import Stop

# A fooled image leaves the search only when its lead exceeds this share of how far logits lie apart, and some units in
# the last place of the largest one. A lead of the size of float32 rounding would turn with the batch size, and a reader
# who re-evaluates the images would find fewer fooled. What all logits have in common makes no lead.
_CLEAR_LEAD = 1e-5
_LAST_PLACES = 4 * torch.finfo(torch.float32).eps


class Judge(Protocol):
    """Decides in float32 which images count as fooled, whatever arithmetic the search is in."""

    at_once: bool
    """Whether it can be asked during the search, so that a fooled image leaves. If not, every image is attacked to the
    end of all runs, and then judged.
    """
    draws: int
    """How often it is asked about each image; one that is fooled every time needs no more work."""

    def beforehand(self, x: Tensor, y: Tensor, logits: Tensor) -> Tensor:
        """As `votes`, before any attack; `logits` are what the attacked network says of the images."""
        ...

    def votes(self, x_adv: Tensor, y: Tensor) -> Tensor:
        """How many of the draws fool on each image, int64 (batch,)."""
        ...

    def stop(self, y: Tensor) -> Stop | None:
        """What a search on images with these labels asks at every step."""
        ...


class Itself:
    """The attacked network judges: an image that it gets wrong is not attacked, and one that is fooled leaves."""

    at_once = True

    def __init__(self, model: nn.Module, *, targeted: bool) -> None:
        self.draws = 1
        """How often it is asked: a network that answers at random, more often."""
        self._model, self._targeted = model, targeted

    def beforehand(self, x: Tensor, y: Tensor, logits: Tensor) -> Tensor:
        """Those that are misclassified as they are; if targeted, those that are taken for their target."""
        return fooled_by(logits, y, targeted=self._targeted).long() if self.draws == 1 else self.votes(x, y)

    def votes(self, x_adv: Tensor, y: Tensor) -> Tensor:
        """As the network classifies them, in each of `draws` evaluations."""
        drawn = (fooled_by(logits_of(self._model, x_adv), y, targeted=self._targeted) for _ in range(self.draws))
        return torch.stack([hit.long() for hit in drawn]).sum(0)

    def stop(self, y: Tensor) -> Stop | None:
        """Images that the search takes for fooled are looked at again in float32, and must be so by a clear lead."""

        def stop(logits: Tensor, x_adv: Tensor, rows: Tensor) -> Tensor:
            done = fooled_by(logits, y[rows], targeted=self._targeted)
            suspects = done.nonzero().squeeze(1)
            if len(suspects):
                exact = logits_of(self._model, x_adv[suspects])
                done[suspects] = fooled_by(exact, y[rows[suspects]], targeted=self._targeted, by=_clear(exact))
            return done

        return stop


class Another:
    """Another network, or any function of images, judges what was made on the attacked one."""

    at_once = False
    draws = 1

    def __init__(self, predict: Predict, *, targeted: bool) -> None:
        self._predict, self._targeted = predict, targeted

    def beforehand(self, x: Tensor, y: Tensor, logits: Tensor) -> Tensor:
        """None: the attacker does not know what the judge says."""
        return torch.zeros(len(x), dtype=torch.int64, device=x.device)

    def votes(self, x_adv: Tensor, y: Tensor) -> Tensor:
        """As the judge labels them."""
        reached = answers(self._predict, x_adv) == y
        return (reached if self._targeted else ~reached).long()

    def stop(self, y: Tensor) -> Stop | None:
        """Nothing: a search goes on to its end."""
        return None


def as_many_as_on_average(votes: Tensor, draws: int) -> Tensor:
    """Which images count as fooled, bool (images,): as many as one draw fools on average, rounded up, the surest first.

    A majority would say more for the network than it is worth: an image that is fooled in two draws of five would
    count as standing. With one draw these are the images that it fools.
    """
    fooled = torch.zeros_like(votes, dtype=torch.bool)
    fooled[votes.argsort(descending=True, stable=True)[: -(-int(votes.sum()) // draws)]] = True
    return fooled


def fooled_by(logits: Tensor, y: Tensor, *, targeted: bool, by: float = 0.0) -> Tensor:
    """Which images are fooled, bool (batch,): another class is ahead of `y` (or `y` is ahead of all) by more than `by`.

    With `by=0` this is `argmax != y` (or `== y`), ties going to the lower class as in argmax.
    """
    if by == 0.0:
        hit = logits.argmax(1) == y
        return hit if targeted else ~hit
    gap = margin(logits, y)
    return (-gap if targeted else gap) > by


def _clear(logits: Tensor) -> float:
    """The lead that counts as one, whatever the scale of the logits, and whatever they have in common."""
    apart = (logits - logits.mean(1, keepdim=True)).abs().max().item()
    return _CLEAR_LEAD * apart + _LAST_PLACES * logits.abs().max().item()


def logits_of(model: nn.Module, x: Tensor) -> Tensor:
    """Logits in float32, whatever arithmetic the search or the caller is in, and without gradients.

    Raises:
        ModelError: they are not finite.
    """
    with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        logits: Tensor = model(x)
    if not torch.isfinite(logits).all():
        bad = int((~torch.isfinite(logits)).any(1).sum())
        raise ModelError(f"{type(model).__name__} returns logits that are not finite for {bad} of {len(x)} images")
    return logits.float()
