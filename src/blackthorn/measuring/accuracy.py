"""Natural and robust accuracy, with its interval and a flag for every image.

Under a white-box attack the measured network's own gradients are followed. With a `source`, those of another are, and
the measured one, or any function of images, only judges what comes out.
"""

import time
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ..attacks import AnyAttack, Crafted, UniversalNoise, craft
from ..attacks.effort import gradients
from ..data import Splits
from ..errors import AttackError, DataError, ModelError
from ..models import eval_mode
from ..models.answers import Array, Predict, answers, with_tensors
from ..results import AccuracyRecord
from ..results.statistics import wilson
from ..training import Substitute, Substituted
from ..types import Progress
from ..values import Count, parse, spell, value
from .measure import Measure, Measurement, Subject, check_targets
from .randomness import own_randomness
from .sources import AnySource, SourceNetwork

_SHOWN = 8  # images kept for the report's gallery

Threat = Annotated[AnyAttack | UniversalNoise, Field(discriminator="kind")]
"""What accuracy can be measured under: images made one by one, or one noise for all of them."""


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
    attack: Threat | None = None
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
    source: Literal["substitute", "network"] | None = None
    """Whose gradients the attack followed, if not the measured network's own."""
    first: int = 0
    """How many images at the start were left out: those that a substitute was trained on."""
    queries: int | None = None
    """Labels that the substitute's training asked for."""
    agreement: float | None = None
    """Share of the measured images, untouched, that source and measured network give the same label."""
    targeted_success: float | None = None
    """Of a universal noise: share of the images of other classes that are taken for its target."""

    def record(self) -> dict[str, object]:
        """The flat JSON object that a result is stored as."""
        found: dict[str, object] = {
            "measure": "accuracy",
            "value": self.value,
            "n": self.n,
            "low": self.low,
            "high": self.high,
            "attack": None if self.attack is None else spell(self.attack),
            "eps": self._eps,
            "norm": None if self.attack is None else getattr(self.attack, "norm", "linf"),
            "mean_linf": self.mean_linf,
            "mean_l2": self.mean_l2,
            "warnings": list(self.warnings),
            "precision": self.precision,
            "seconds": self.seconds,
        }
        if self.source is not None:
            found |= {"source": self.source, "first": self.first, "agreement": self.agreement}
            found |= {} if self.queries is None else {"queries": self.queries}
        if self.targeted_success is not None:
            found["targeted_success"] = self.targeted_success
        return found

    @property
    def _eps(self) -> float | None:
        if isinstance(self.attack, UniversalNoise):
            return self.attack.limit
        return None if self.attack is None else self.attack.eps


@value
class Accuracy(Measure):
    """Share of images classified right, untouched or under an attack.

    Always in eval mode and judged in float32. Torch's global generator is neither used nor moved: random
    starts come from a fixed seed, the same for every network.
    """

    kind: Literal["accuracy"] = "accuracy"
    attack: Threat | None = None
    """What to withstand; none for natural accuracy. A universal noise is made on the network that `source` names, from
    training images, and kept for every network that it is added to; without a source, on each measured network.
    """
    batch_size: Count = 250
    """Images at a time."""
    n_max: Count | None = None
    """Measure only this many images, evenly spread over the set and the same for every network."""
    precision: Literal["auto", "float32", "bf16"] = "auto"
    """Arithmetic of the search for adversarial images; auto takes bf16 where it is measured to be faster."""
    source: AnySource | None = None
    """On what adversarial images are crafted: by default on the measured network itself (white box); on a substitute
    trained on its answers (black box); or on another network (transfer).
    """

    @property
    def noises(self) -> tuple[UniversalNoise, ...]:
        """The universal noise that must be made before, if any."""
        return (self.attack,) if isinstance(self.attack, UniversalNoise) else ()

    def effort(self, images: int) -> float:
        """A gradient is two passes, but images leave once they are fooled; all are judged once more at the end."""
        return images * (1.0 if self.attack is None else 2.0 + gradients(self.attack))

    def check(self, splits: Splits) -> None:
        """Raises DataError where a noise aims at no class, or a substitute leaves no image to measure."""
        check_targets(self.noises, splits)
        if isinstance(self.source, Substitute) and len(splits.test) <= self.source.holdout:
            raise DataError(
                f"source: a substitute is trained on the first {self.source.holdout} of {len(splits.test)} test "
                "images, which leaves none to measure; write a smaller holdout"
            )

    def measure(self, subject: Subject, *, progress: Progress | None = None) -> Measurement:
        """One record, a flag for every image, and a few attacked images."""
        model, x, y = subject.model, subject.x, subject.y
        noise = next(iter(subject.noises), None)
        found = self(model, x, y, source=subject.source, noise=noise, progress=progress)
        record: AccuracyRecord = parse(AccuracyRecord, found.record())
        examples = None if found.x_adv is None else _examples(model, x, y, found.index, found.x_adv)
        return Measurement([record], found.flags, examples)

    def __post_init__(self) -> None:
        if self.attack is None and self.source is not None:
            raise ValueError(
                "source: natural accuracy crafts no images; add an attack such as {kind: fgsm, eps: 0.3}, or leave "
                "source out"
            )
        if self.attack is not None and getattr(self.attack, "targeted", False):
            raise ValueError("accuracy wants an attack that leaves the true label: remove targeted: true")

    def __call__(
        self,
        model: nn.Module | Predict,
        x: Tensor | Array,
        y: Tensor | Array,
        *,
        source: nn.Module | Substituted | None = None,
        noise: Tensor | None = None,
        progress: Progress | None = None,
    ) -> Measured:
        """Measure on images `x`, uint8 or float32 in [0, 1] (n, ...), with true labels `y`, int64 (n,).

        Args:
            model: a network; or, with a source or without an attack, any function from images, float32 (n, ...), to
                labels (n,) or scores (n, classes), torch or numpy; it is given arrays if `x` is one.
            x: the images. With a substitute, those it began with are left out: the first `holdout`.
            y: their labels.
            source: whose gradients to follow, when it is there already; by default what the option `source` says.
            noise: what a `UniversalNoise` has made from training images, (channels, height, width); only for one.
            progress: called with (text, images done, images).

        Raises:
            DataError: no images, not as many labels as images, labels that the network has no logit for, or nothing
                left to measure beside what a substitute was trained on.
            ModelError: logits that are not finite, or an attack on a function without a source.
            AttackError: a source without an attack, or a noise without a universal one, or the other way round.
        """
        if isinstance(self.attack, UniversalNoise) != (noise is not None):
            made = "noise = attack(model, x_train), then Accuracy(attack=attack)(model, x, y, noise=noise)"
            raise AttackError(f"a universal noise is made from training images before it is measured: {made}")
        if self.attack is None and source is not None:
            raise AttackError("source: natural accuracy crafts no images; give an attack, or leave source out")
        model, x = with_tensors(model, x)
        y = torch.as_tensor(y)
        if len(x) != len(y) or not len(x):
            raise DataError(f"{len(x)} images with {len(y)} labels; give one label for each image")
        start = time.perf_counter()
        device = _device(model, x)
        if self.attack is not None and source is None and noise is None:
            source = self._source(model, x.to(device), y.to(device).long(), progress)
        first = source.holdout if isinstance(source, Substituted) else 0
        _refuse_nothing_left(len(x), first)
        index = first + evenly(len(x) - first, self.n_max)
        x, y = x[index.to(x.device)].to(device), y[index.to(y.device)].to(device).long()
        if self.attack is None:
            flags = natural_flags(model, x, y, batch_size=self.batch_size, progress=progress)
            return _summed(flags, index, time.perf_counter() - start)
        if isinstance(model, nn.Module):
            _check_labels(model, x, y)
        whose = source.model if isinstance(source, Substituted) else source
        targeted_success = None
        if isinstance(self.attack, UniversalNoise):
            assert noise is not None
            crafted, targeted_success = self._noisy(self.attack, noise, model, x, y)
        else:
            crafter = model if whose is None else whose.to(device)
            assert isinstance(crafter, nn.Module)  # `_source` has refused a function without one
            with own_randomness(device):
                crafted = craft(
                    self.attack,
                    crafter,
                    x,
                    y,
                    batch_size=self.batch_size,
                    precision=self.precision,
                    judge=None if whose is None else model,
                    progress=progress,
                )
        mean_linf, mean_l2 = _perturbation(crafted.x_adv, x)
        measured = replace(
            _summed(~crafted.fooled, index, time.perf_counter() - start),
            attack=self.attack,
            precision=crafted.precision,
            warnings=crafted.warnings,
            mean_linf=mean_linf,
            mean_l2=mean_l2,
            x_adv=crafted.x_adv,
            targeted_success=targeted_success,
        )
        if whose is None:
            return measured
        alike = answers(model, pixels(x), batch_size=self.batch_size) == answers(whose, pixels(x))
        return replace(
            measured,
            seconds=time.perf_counter() - start,
            source="substitute" if isinstance(source, Substituted) else "network",
            first=first,
            queries=source.queries if isinstance(source, Substituted) else None,
            agreement=alike.float().mean().item(),
        )

    def _noisy(
        self, attack: UniversalNoise, noise: Tensor, model: nn.Module | Predict, x: Tensor, y: Tensor
    ) -> tuple[Crafted, float | None]:
        """Every image with the noise on it, and the share of other classes that is taken for its target."""
        x_adv = attack.apply(noise, x)
        said = answers(model, x_adv, batch_size=self.batch_size)
        others = y != attack.target
        share = (said[others] == attack.target).float().mean().item() if others.any() else None
        return Crafted(x_adv, said != y, "float32", tuple(attack.reservations(noise)), 0.0), share

    def _source(
        self, model: nn.Module | Predict, x: Tensor, y: Tensor, progress: Progress | None
    ) -> Substituted | None:
        """What the option says: a substitute trained here and now, or none."""
        if isinstance(self.source, Substitute):
            _refuse_nothing_left(len(x), self.source.holdout)
            classes = _classes(model, x) if isinstance(model, nn.Module) else int(y.max()) + 1
            return self.source(model, x, y, num_classes=classes, progress=progress)
        if isinstance(self.source, SourceNetwork):
            raise ModelError(f"source is the network '{self.source.name}' of a recipe; from Python give source=network")
        if not isinstance(model, nn.Module):
            raise ModelError(
                "a function has no gradients to attack it by; give Accuracy(source=Substitute()), or source=network"
            )
        return None


def natural_flags(
    model: nn.Module | Predict, x: Tensor, y: Tensor, *, batch_size: int = 250, progress: Progress | None = None
) -> Tensor:
    """Which images are classified right as they are: bool (images,), in float32 and eval mode.

    Raises:
        DataError: labels that the network has no logit for.
        ModelError: logits that are not finite.
    """
    if isinstance(model, nn.Module):
        _check_labels(model, x, y)
    flags = []
    for first in range(0, len(x), batch_size):
        batch, labels = x[first : first + batch_size], y[first : first + batch_size]
        flags.append(answers(model, pixels(batch), batch_size=batch_size) == labels)
        if progress is not None:
            progress("accuracy", first + len(batch), len(x))
    return torch.cat(flags)


def evenly(total: int, wanted: int | None) -> Tensor:
    """Indices of `wanted` of `total` images, evenly spread: a set sorted by class gives every class."""
    n = total if wanted is None else min(wanted, total)
    return torch.arange(n) * total // n


def _examples(model: nn.Module, x: Tensor, y: Tensor, index: Tensor, x_adv: Tensor) -> dict[str, Tensor]:
    """A few images for people to look at: the first of the test set, with what became of them."""
    index = index[:_SHOWN].to(x.device)
    original, adversarial = pixels(x[index]), x_adv[: len(index)].to(x.device)
    with eval_mode(model), torch.no_grad():
        predicted, predicted_adversarial = model(original).argmax(1), model(adversarial).argmax(1)
    return {
        "original": original,
        "adversarial": adversarial,
        "label": y[index],
        "predicted": predicted,
        "predicted_adversarial": predicted_adversarial,
    }


def _summed(flags: Tensor, index: Tensor, seconds: float) -> Measured:
    right, n = int(flags.sum()), len(flags)
    low, high = wilson(right, n)
    return Measured(right / n, n, low, high, flags=flags.cpu(), index=index, seconds=seconds)


def pixels(x: Tensor) -> Tensor:
    if x.dtype == torch.uint8:
        return x.float() / 255
    low, high = float(x.min()), float(x.max())
    if not (low >= 0 and high <= 1):
        raise DataError(f"pixels lie in [{low:.3g}, {high:.3g}]; they must be in [0, 1]: divide by 255")
    return x.float()


def _device(model: nn.Module | Predict, x: Tensor) -> torch.device:
    parameters = model.parameters() if isinstance(model, nn.Module) else iter(())
    return next((tensor.device for tensor in parameters), x.device)


def _refuse_nothing_left(images: int, first: int) -> None:
    if images <= first:
        raise DataError(
            f"a substitute is trained on the first {first} of {images} images, which leaves none to measure; give more "
            "images, or write a smaller holdout"
        )


def _classes(model: nn.Module, x: Tensor) -> int:
    with eval_mode(model), torch.no_grad():
        logits: Tensor = model(pixels(x[:1]))
    return logits.shape[1]


def _check_labels(model: nn.Module, x: Tensor, y: Tensor) -> None:
    low, high, classes = int(y.min()), int(y.max()), _classes(model, x)
    if low < 0 or high >= classes:
        raise DataError(
            f"labels lie in [{low}, {high}], but the network has {classes} logits; build it with num_classes={high + 1}"
        )


def _perturbation(x_adv: Tensor, x: Tensor) -> tuple[float, float]:
    delta = (x_adv - pixels(x)).flatten(1)
    delta = delta[delta.abs().amax(1) > 0]
    if not len(delta):
        return 0.0, 0.0
    return float(delta.abs().amax(1).mean()), float(delta.norm(dim=1).mean())
