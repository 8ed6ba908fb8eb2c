"""The engine behind every evaluation: attack a whole set, waste nothing, and believe nothing until it is verified.

Images the network already gets wrong are not attacked. An image that is fooled leaves the search at once, at the
iterate that fooled it. The search may run in bf16, but an image only counts as fooled when the network in float32,
in eval mode, misclassifies an image that lies in the ball and in [0, 1].

Where another judges than the network whose gradients are followed (a transfer attack), nothing is known before the end:
every image is attacked, all the way, and the judge alone says what was fooled.
"""

import time
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import AttackError, ModelError
from ..models.answers import Predict, answers
from ..models.modes import eval_mode
from ..speed.precision import Chosen, Precision, arithmetic, choose
from ..types import Attack, Progress
from .balls import Norm, project, size
from .gradients import attacking
from .inputs import checked
from .pgd import AttackWarning, fooled_by
from .trust import gradient_reservations

# A fooled image leaves the search only when its lead exceeds this share of the largest logit. A lead of the size of
# float32 rounding would turn with the batch size, and a reader who re-evaluates the images would find fewer fooled.
_CLEAR_LEAD = 1e-5


@dataclass(frozen=True)
class Crafted:
    """What an attack achieved, image by image."""

    x_adv: Tensor
    """Adversarial images, float32 (images, ...) in [0, 1]; untouched where the network was wrong already, unless
    another one judges.
    """
    fooled: Tensor
    """bool (images,): verified in float32. For a targeted attack: the target was reached."""
    precision: Chosen
    """What the search computed in."""
    warnings: tuple[str, ...]
    """Why the number may say less than it seems to."""
    seconds: float

    @property
    def robust_accuracy(self) -> float:
        """Share of images that were not fooled."""
        return 1.0 - self.fooled.float().mean().item()


def craft(
    attack: Attack,
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    batch_size: int = 250,
    precision: Precision = "auto",
    judge: Predict | None = None,
    progress: Progress | None = None,
) -> Crafted:
    """Attack every image of `x` and verify each outcome in float32.

    Args:
        attack: any `attack(model, x, y)`; those of this package also stop early and search in bf16.
        model: left as it was: weights, gradients, statistics and mode.
        x: images, float32 in [0, 1] or uint8, shape (images, channels, height, width).
        y: true labels (targeted attacks: classes to reach), int64 (images,).
        batch_size: images searched at a time.
        precision: of the search; `auto` times both on this network and takes bf16 where it is clearly faster.
        judge: who is to be fooled instead of `model`: a network, or any function from images to labels or scores.
        progress: called with ("attack", images done, images).

    Raises:
        AttackError: `x` is not in [0, 1], labels do not fit, or an attack returned images outside its ball.
        ModelError: the network returns logits that are not finite.
    """
    x, y = checked(x, y)
    start = time.perf_counter()
    with eval_mode(model):
        _refuse_labels_beyond(_logits(model, x[:1]).shape[1], y)
        chosen = choose(precision, model, x[:batch_size]) if hasattr(attack, "search") else "float32"
        reservations = _reservations(attack, model, x[:batch_size], y[:batch_size])
        parts = []
        for first in range(0, len(x), batch_size):
            batch = slice(first, first + batch_size)
            if judge is None:
                parts.append(_craft_batch(attack, model, x[batch], y[batch], chosen))
            else:
                parts.append(_transfer_batch(attack, model, judge, x[batch], y[batch], chosen))
            if progress is not None:
                progress("attack", min(first + batch_size, len(x)), len(x))
    for reservation in reservations:
        warnings.warn(reservation, AttackWarning, stacklevel=2)
    x_adv, fooled = (torch.cat(column) for column in zip(*parts))
    return Crafted(x_adv, fooled, chosen, tuple(reservations), time.perf_counter() - start)


def _craft_batch(attack: Attack, model: nn.Module, x: Tensor, y: Tensor, precision: Chosen) -> tuple[Tensor, Tensor]:
    targeted = bool(getattr(attack, "targeted", False))
    x_adv = x.clone()
    fooled = fooled_by(_logits(model, x), y, targeted=targeted)
    restarts = getattr(attack, "restarts", 1) if hasattr(attack, "search") else 1  # others see to their own
    for restart in range(restarts):
        left = ~fooled
        if not left.any():
            break
        found = _inside(attack, _search(attack, model, x, y, left, restart, precision), x[left])
        fooled[left] = fooled_by(_logits(model, found), y[left], targeted=targeted)
        x_adv[left] = found
    return x_adv, fooled


def _transfer_batch(
    attack: Attack, model: nn.Module, judge: Predict, x: Tensor, y: Tensor, precision: Chosen
) -> tuple[Tensor, Tensor]:
    with warnings.catch_warnings(), arithmetic(precision, x.device):
        warnings.simplefilter("ignore", AttackWarning)  # told once, by `craft`
        found = attack(model, x, y).detach()
    x_adv = _inside(attack, found, x)
    reached = answers(judge, x_adv) == y
    return x_adv, reached if getattr(attack, "targeted", False) else ~reached


def _search(
    attack: Attack, model: nn.Module, x: Tensor, y: Tensor, left: Tensor, restart: int, precision: Chosen
) -> Tensor:
    """Adversarial candidates for the images at `left`, bool (batch,)."""
    search = getattr(attack, "search", None)
    if search is None:
        return attack(model, x[left], y[left]).detach()
    targeted = bool(getattr(attack, "targeted", False))

    def stop(logits: Tensor, x_adv: Tensor, rows: Tensor) -> Tensor:
        done = fooled_by(logits, y[rows], targeted=targeted)
        suspects = done.nonzero().squeeze(1)
        if len(suspects):
            exact = _logits(model, x_adv[suspects])
            lead = _CLEAR_LEAD * max(1.0, exact.abs().max().item())
            done[suspects] = fooled_by(exact, y[rows[suspects]], targeted=targeted, by=lead)
        return done

    with attacking(model) as forward, arithmetic(precision, x.device):
        found: Tensor = search(forward, x, y, live=left, restart=restart, stop=stop)
    return found[left].detach()


def _inside(attack: Attack, x_adv: Tensor, x: Tensor) -> Tensor:
    """Refuse what lies outside the attack's ball by more than rounding; round the rest back in."""
    eps = getattr(attack, "eps", None)
    norm: Norm = getattr(attack, "norm", "linf")
    name = type(attack).__name__
    if x_adv.shape != x.shape:
        raise AttackError(f"{name} returned images of shape {tuple(x_adv.shape)} for images of shape {tuple(x.shape)}")
    if not torch.isfinite(x_adv).all() or x_adv.min() < -1e-6 or x_adv.max() > 1 + 1e-6:
        raise AttackError(f"{name} returned pixels outside [0, 1]; clip them, or check that the attack works in pixels")
    if eps is None:
        return x_adv.float().clamp(0, 1)
    worst = size(x_adv - x, norm).max().item()
    if worst > eps + 1e-5:
        raise AttackError(f"{name} left its {norm} ball: a perturbation of {worst:.6g} with eps = {eps:.6g}")
    return project(x_adv.float(), x, float(eps), norm)


def _logits(model: nn.Module, x: Tensor) -> Tensor:
    """Verdicts are in float32, whatever arithmetic the search or the caller is in."""
    with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        logits: Tensor = model(x)
    if not torch.isfinite(logits).all():
        bad = int((~torch.isfinite(logits)).any(1).sum())
        raise ModelError(f"{type(model).__name__} returns logits that are not finite for {bad} of {len(x)} images")
    return logits.float()


def _refuse_labels_beyond(classes: int, y: Tensor) -> None:
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= classes:
        raise AttackError(f"labels lie in [{low}, {high}], but the network has {classes} logits, numbered from 0")


def _reservations(attack: Attack, model: nn.Module, x: Tensor, y: Tensor) -> list[str]:
    own: list[str] = list(getattr(attack, "reservations", list)())
    loss = getattr(attack, "loss", None)
    if loss in ("ce", "quadratic") and not getattr(attack, "targeted", False):
        own += gradient_reservations(model, x, y, loss=loss)
    return own
