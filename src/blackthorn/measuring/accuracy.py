"""Natural and robust accuracy, with its interval and a flag for every image.

Threat models (threats.py) say how images are perturbed and whose gradients are followed. Here the measured network, or
any function of images, is only judged.
"""

import time
from dataclasses import replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ..attacks import UniversalNoise
from ..data import Images, Pixels, Splits, as_images, pixels, taken
from ..errors import AttackError, DataError, ModelError
from ..models import eval_mode
from ..models.answers import Array, Predict, answers, with_tensors
from ..models.outputs import logits_from
from ..resources import WithResources
from ..results.statistics import wilson
from ..speed.ranks import ALONE, Ranks
from ..training import Substitute, Substituted
from ..types import Progress
from ..values import Count, value
from .blocks import attacked, blocks
from .counting import parameters
from .images import Half, how_many, shown
from .images import evenly as evenly
from .measure import Measure, Measurement, Subject
from .measured import Measured as Measured
from .measured import Threat as Threat
from .sources import AnySource, SourceNetwork
from .threats import Noise, ThreatModel, Transfer, WhiteBox


@value
class Accuracy(WithResources, Measure):
    """Share of images classified right, untouched or under an attack.

    Always in eval mode and judged in float32. Torch's global generator is neither used nor moved: random
    starts come from a fixed seed, the same for every network.
    """

    in_percent: ClassVar[bool | None] = True
    kind: Literal["accuracy"] = "accuracy"
    attack: Threat | None = None
    """What the network must withstand; none for natural accuracy. A universal noise is made from training images, on
    the network that `source` names and once for all networks that it is added to; without a source, on each measured
    network.
    """
    batch_size: Count = 250
    """Images at a time."""
    n_max: Count | None = None
    """Measure only this many images, evenly spread over the set and the same for every network."""
    part: Half = "all"
    """Only images at such places, counted from 0: choose on one half, report on the other, which had no part in it."""
    precision: Literal["auto", "float32", "bf16"] = "auto"
    """Arithmetic of the search for adversarial images; auto takes bf16 where it is measured to be faster."""
    source: AnySource | None = None
    """On what adversarial images are crafted: by default on the measured network itself (white box); on a substitute
    trained on its answers (black box); or on another network (transfer).
    """
    labels: Literal["true", "predicted"] = "true"
    """With a source: which labels images are driven away from. true: the true ones, which finds more. predicted: those
    that the source gives the untouched images, as in cleverhans' `mnist_blackbox`, whose attacker has no others.
    """

    def __post_init__(self) -> None:
        if self.attack is None and self.source is not None:
            raise ValueError(
                "source: natural accuracy crafts no images; add an attack such as {kind: fgsm, eps: 0.3}, or leave "
                "source out"
            )
        if self.labels == "predicted" and (self.source is None or self.noises):
            raise ValueError(
                "labels: those that a source predicts want a source that is followed image by image, such as "
                "{kind: substitute}; add one, or leave labels out"
            )
        if not isinstance(self.attack, UniversalNoise | None) and self.attack.targeted:
            raise ValueError("accuracy wants an attack that leaves the true label: remove targeted: true")

    @property
    def revision(self) -> int:
        """That of the attack."""
        return 1 if self.attack is None else self.attack.revision

    @property
    def noises(self) -> tuple[UniversalNoise, ...]:
        """The universal noise that must be made before, if any."""
        return (self.attack,) if isinstance(self.attack, UniversalNoise) else ()

    def effort(self, images: int) -> float:
        """A gradient is two passes, but images leave once they are fooled; all are judged once more at the end."""
        gradients = 1.0 if isinstance(self.attack, UniversalNoise | None) else self.attack.effort
        return how_many(images, self.n_max, self.part) * (1.0 if self.attack is None else 2.0 + gradients)

    def shared(self, splits: Splits) -> bool:
        """Where an attack takes the images block by block, since they are many: blocks know nothing of each other."""
        images = len(evenly(len(splits.test), self.n_max, self.part))
        return self.attack is not None and len(blocks(taken(splits.test.x, slice(images)), self.batch_size)) > 1

    def check(self, splits: Splits) -> None:
        """Refuse a noise that aims at no class, and a substitute that leaves no image to measure.

        Raises:
            AttackError: names the noise's class, and how many there are.
            DataError: names the substitute's images, and how many there are.
        """
        super().check(splits)
        if isinstance(self.source, Substitute) and len(splits.test) <= self.source.holdout:
            raise DataError(
                f"source: a substitute is trained on the first {self.source.holdout} of {len(splits.test)} test "
                "images, which leaves none to measure; write a smaller holdout"
            )

    def measure(self, subject: Subject, *, progress: Progress | None = None) -> Measurement:
        """One record, a flag for every image, and the first images with their adversarial versions."""
        model, x, y = subject.model, subject.x, subject.y
        noise = next(iter(subject.noises), None)
        found = self(model, x, y, source=subject.source, noise=noise, ranks=subject.ranks, progress=progress)
        index = found.index.to(x.device)
        record = replace(found.record(), parameters=parameters(model), by_class=_by_class(found.flags, y[index]))
        if found.x_adv is None:
            return Measurement([record], found.flags)
        first = index[: len(found.x_adv)]
        return Measurement([record], found.flags, shown(model, taken(x, first), found.x_adv, y[first]))

    def __call__(
        self,
        model: nn.Module | Predict,
        x: Pixels | Array | Images,
        y: Tensor | Array | None = None,
        *,
        source: nn.Module | Substituted | None = None,
        noise: Tensor | None = None,
        ranks: Ranks = ALONE,
        progress: Progress | None = None,
    ) -> Measured:
        """Measure on images `x`, uint8 or float32 in [0, 1] (n, ...), with true labels `y`, int64 (n,).

        Args:
            model: a network; or, with a source or without an attack, any function from images, float32 (n, ...), to
                labels (n,) or scores (n, classes), torch or numpy; it is given arrays if `x` is one.
            x: the images; without `y`, a `Dataset` of (image, label), an `ImageSet` or a `DataLoader`. With a
                substitute, those it began with are left out: the first `holdout`.
            y: their labels.
            source: whose gradients to follow, when it is there already; by default what the option `source` says.
            noise: what a `UniversalNoise` has made from training images, (channels, height, width); only for one.
            ranks: processes that share the images of an attack; all of them must call this.
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
        if y is None:
            images = as_images(x)  # type: ignore[arg-type]  # without labels it is no tensor
            x, y = images.x, images.y
        model, x = with_tensors(model, x)  # type: ignore[arg-type]  # with labels it is one
        y = torch.as_tensor(y)
        if len(x) != len(y) or not len(x):
            raise DataError(f"{len(x)} images with {len(y)} labels; give one label for each image")
        start = time.perf_counter()
        device = _device(model, x)
        if self.attack is not None and source is None and noise is None:
            source = self._source(model, x.to(device), y.to(device).long(), progress)
        first = source.holdout if isinstance(source, Substituted) else 0
        total = len(x)
        _refuse_nothing_left(total, first)
        index = first + evenly(total - first, self.n_max, self.part)
        x, y = taken(x, index.to(x.device)).to(device), y[index.to(y.device)].to(device).long()
        if self.attack is None:
            flags = natural_flags(model, x, y, batch_size=self.batch_size, progress=progress)
            return self._summed(flags, index, total, time.perf_counter() - start)
        if isinstance(model, nn.Module):
            _check_labels(model, x, y)
        whose = source.model if isinstance(source, Substituted) else source
        threat = self._threat(whose, noise)
        found = attacked(threat, model, x, y, batch_size=self.batch_size, source=whose, ranks=ranks, progress=progress)
        crafted = found.crafted
        measured = replace(
            self._summed(~crafted.fooled, index, total, time.perf_counter() - start),
            attack=self.attack,
            precision=crafted.precision,
            warnings=crafted.warnings,
            alarms=crafted.alarms,
            dead_pixels=crafted.dead_pixels,
            mean_linf=found.mean_linf,
            mean_l2=found.mean_l2,
            x_adv=crafted.x_adv,
            targeted_success=threat.targeted_success(crafted, y),
            tier=crafted.tier,
            contributions=crafted.contributions or None,
        )
        if whose is None:
            return measured
        return replace(
            measured,
            seconds=time.perf_counter() - start,
            source="substitute" if isinstance(source, Substituted) else "network",
            first=first,
            queries=source.queries if isinstance(source, Substituted) else None,
            agreement=found.agreement,
        )

    def _summed(self, flags: Tensor, index: Tensor, total: int, seconds: float) -> Measured:
        right, n = int(flags.sum()), len(flags)
        low, high = wilson(right, n)
        return Measured(right / n, n, low, high, flags.cpu(), index, seconds, of=total, part=self.part)

    def _threat(self, source: nn.Module | None, noise: Tensor | None) -> ThreatModel:
        """Who perturbs the images."""
        assert self.attack is not None  # natural accuracy perturbs none
        if isinstance(self.attack, UniversalNoise):
            assert noise is not None  # refused before
            return Noise(self.attack, noise, self.batch_size)
        if source is None:
            return WhiteBox(self.attack, self.batch_size, self.precision)
        return Transfer(self.attack, source, self.batch_size, self.precision, self.labels)

    def _source(
        self, model: nn.Module | Predict, x: Pixels, y: Tensor, progress: Progress | None
    ) -> Substituted | None:
        """What the option says: a substitute trained here and now, or none."""
        if isinstance(self.source, Substitute):
            _refuse_nothing_left(len(x), self.source.holdout)
            classes = _classes(model, x) if isinstance(model, nn.Module) else int(y.max()) + 1
            return self.source(model, x, y, num_classes=classes, progress=progress)
        if self.source is not None:
            named = f"network '{self.source.name}'" if isinstance(self.source, SourceNetwork) else "unpruned network"
            raise ModelError(f"source is the {named} of a recipe; from Python give source=network")
        if not isinstance(model, nn.Module):
            raise ModelError(
                "a function has no gradients to attack it by; give Accuracy(source=Substitute()), or source=network"
            )
        return None


def natural_flags(
    model: nn.Module | Predict, x: Pixels, y: Tensor, *, batch_size: int = 250, progress: Progress | None = None
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


def _by_class(flags: Tensor, y: Tensor) -> tuple[tuple[int, int], ...]:
    """For each label up to the largest: images that are right, and images."""
    labels = y.cpu()
    images = torch.bincount(labels)
    return tuple(zip(torch.bincount(labels[flags], minlength=len(images)).tolist(), images.tolist()))


def _device(model: nn.Module | Predict, x: Pixels) -> torch.device:
    parameters = model.parameters() if isinstance(model, nn.Module) else iter(())
    return next((tensor.device for tensor in parameters), x.device)


def _refuse_nothing_left(images: int, first: int) -> None:
    if images <= first:
        raise DataError(
            f"a substitute is trained on the first {first} of {images} images, which leaves none to measure; give more "
            "images, or write a smaller holdout"
        )


def _classes(model: nn.Module, x: Pixels) -> int:
    with eval_mode(model), torch.no_grad():
        return logits_from(model, pixels(x[:2])).shape[1]


def _check_labels(model: nn.Module, x: Pixels, y: Tensor) -> None:
    low, high, classes = int(y.min()), int(y.max()), _classes(model, x)
    if low < 0 or high >= classes:
        raise DataError(
            f"labels lie in [{low}, {high}], but the network has {classes} logits; build it with num_classes={high + 1}"
        )
