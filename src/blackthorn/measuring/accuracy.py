"""Natural and robust accuracy, with its interval and a flag for every image."""

import time
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from ..attacks import AnyAttack, craft
from ..errors import DataError, ModelError
from ..models import eval_mode
from ..types import Progress
from ..values import Count, spell, value
from .randomness import own_randomness
from .statistics import wilson


@dataclass(frozen=True)
class Measured:
    """An accuracy, a fraction in [0, 1], with its 95 % Wilson interval."""

    value: float
    n: int
    """Images."""
    low: float
    high: float
    flags: Tensor
    """bool (n,), on the CPU: True = classified right, whatever the attack did."""
    index: Tensor
    """int64 (n,): which of the images given were measured."""
    seconds: float
    attack: AnyAttack | None = None
    """None = natural accuracy."""
    precision: Literal["float32", "bf16"] = "float32"
    """What the attack searched in; every verdict is in float32."""
    warnings: tuple[str, ...] = ()
    """Why the number may say less than it seems to."""
    mean_linf: float | None = None
    """Mean size of the perturbations, without the images that were wrong from the start and left alone."""
    mean_l2: float | None = None
    x_adv: Tensor | None = None
    """float32 (n, ...): adversarial images in [0, 1]."""

    def record(self) -> dict[str, object]:
        """The flat JSON object that a result is stored as."""
        return {
            "measure": "accuracy",
            "value": self.value,
            "n": self.n,
            "low": self.low,
            "high": self.high,
            "attack": None if self.attack is None else spell(self.attack),
            "eps": None if self.attack is None else self.attack.eps,
            "norm": None if self.attack is None else getattr(self.attack, "norm", "linf"),
            "mean_linf": self.mean_linf,
            "mean_l2": self.mean_l2,
            "warnings": list(self.warnings),
            "precision": self.precision,
            "seconds": self.seconds,
        }


@value
class Accuracy:
    """Share of images classified right, untouched or under an attack.

    Always in eval mode and judged in float32. Torch's global generator is neither used nor moved: random
    starts come from a fixed seed, the same for every network.
    """

    kind: Literal["accuracy"] = "accuracy"
    attack: AnyAttack | None = None
    """What to withstand; none for natural accuracy."""
    batch_size: Count = 250
    """Images at a time."""
    n_max: Count | None = None
    """Measure only this many images, evenly spread over the set and the same for every network."""
    precision: Literal["auto", "float32", "bf16"] = "auto"
    """Arithmetic of the search for adversarial images; auto takes bf16 where it is measured to be faster."""

    def __post_init__(self) -> None:
        if self.attack is not None and self.attack.targeted:
            raise ValueError("accuracy wants an attack that leaves the true label: remove targeted: true")

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor, *, progress: Progress | None = None) -> Measured:
        """Measure on images `x`, uint8 or float32 in [0, 1] (n, ...), with true labels `y`, int64 (n,).

        Raises:
            DataError: no images, not as many labels as images, or labels that the network has no logit for.
            ModelError: logits that are not finite.
        """
        if len(x) != len(y) or not len(x):
            raise DataError(f"{len(x)} images with {len(y)} labels; give one label for each image")
        start = time.perf_counter()
        index = evenly(len(x), self.n_max)
        device = next((tensor.device for tensor in model.parameters()), x.device)
        x, y = x[index.to(x.device)].to(device), y[index.to(y.device)].to(device).long()
        if self.attack is None:
            flags = natural_flags(model, x, y, batch_size=self.batch_size, progress=progress)
            return _summed(flags, index, time.perf_counter() - start)
        _check_labels(model, x, y)
        with own_randomness(device):
            crafted = craft(
                self.attack,
                model,
                x,
                y,
                batch_size=self.batch_size,
                precision=self.precision,
                progress=progress,
            )
        mean_linf, mean_l2 = _perturbation(crafted.x_adv, x)
        return replace(
            _summed(~crafted.fooled, index, time.perf_counter() - start),
            attack=self.attack,
            precision=crafted.precision,
            warnings=crafted.warnings,
            mean_linf=mean_linf,
            mean_l2=mean_l2,
            x_adv=crafted.x_adv,
        )


def natural_flags(
    model: nn.Module, x: Tensor, y: Tensor, *, batch_size: int = 250, progress: Progress | None = None
) -> Tensor:
    """Which images are classified right as they are: bool (images,), in float32 and eval mode.

    Raises:
        DataError: labels that the network has no logit for.
        ModelError: logits that are not finite.
    """
    flags = []
    with eval_mode(model), torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        for first in range(0, len(x), batch_size):
            batch, labels = x[first : first + batch_size], y[first : first + batch_size]
            logits = model(_pixels(batch))
            if not bool(torch.isfinite(logits).all()):
                raise ModelError(
                    f"{type(model).__name__} gives logits that are not finite for images {first} to "
                    f"{first + len(batch) - 1}; its weights have diverged: train with a smaller learning rate"
                )
            _check_range(labels, logits.shape[1])
            flags.append(logits.argmax(1) == labels)
            if progress is not None:
                progress("accuracy", first + len(batch), len(x))
    return torch.cat(flags)


def evenly(total: int, wanted: int | None) -> Tensor:
    """Indices of `wanted` of `total` images, evenly spread: a set sorted by class gives every class."""
    n = total if wanted is None else min(wanted, total)
    return torch.arange(n) * total // n


def _summed(flags: Tensor, index: Tensor, seconds: float) -> Measured:
    right, n = int(flags.sum()), len(flags)
    low, high = wilson(right, n)
    return Measured(right / n, n, low, high, flags=flags.cpu(), index=index, seconds=seconds)


def _pixels(x: Tensor) -> Tensor:
    if x.dtype == torch.uint8:
        return x.float() / 255
    low, high = float(x.min()), float(x.max())
    if not (low >= 0 and high <= 1):
        raise DataError(f"pixels lie in [{low:.3g}, {high:.3g}]; they must be in [0, 1]: divide by 255")
    return x.float()


def _check_labels(model: nn.Module, x: Tensor, y: Tensor) -> None:
    with eval_mode(model), torch.no_grad():
        _check_range(y, model(_pixels(x[:1])).shape[1])


def _check_range(y: Tensor, classes: int) -> None:
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= classes:
        raise DataError(
            f"labels lie in [{low}, {high}], but the network has {classes} logits; build it with num_classes={high + 1}"
        )


def _perturbation(x_adv: Tensor, x: Tensor) -> tuple[float, float]:
    delta = (x_adv - _pixels(x)).flatten(1)
    delta = delta[delta.abs().amax(1) > 0]
    if not len(delta):
        return 0.0, 0.0
    return float(delta.abs().amax(1).mean()), float(delta.norm(dim=1).mean())
