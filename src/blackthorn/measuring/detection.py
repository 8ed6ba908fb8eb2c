"""What a network's outputs say about whether an image was tampered with: the blog's announced next step.

A network trained with the quadratic cost regresses one-hot vectors. How far its outputs are from the nearest one is
the score; nothing is trained, and a user needs nothing but the outputs. What counts in the end is not the area under a
curve but how many images are misclassified and not noticed, and that under an attacker who knows of the detector.
"""

import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from ..attacks import AnyAttack, AttackWarning, UniversalNoise, craft, spelled
from ..attacks.evading import Reading, one_hot_distance, read
from ..data import Pixels, pixels, taken
from ..errors import AttackError, DataError, ModelError
from ..models import device_of, eval_mode
from ..resources import WithResources
from ..results import DetectionRecord, wilson
from ..results.roc import auroc, roc, threshold
from ..types import Progress
from ..values import Count, value
from .blocks import blocks, joined, of_all
from .images import evenly, how_many
from .measure import Measure, Measurement, Subject
from .measured import Threat
from .randomness import own_randomness
from .sources import SourceNetwork

RATES = (0.01, 0.05)
"""False alarms that are accepted: the share of untouched images that is flagged."""


@value
class Detection(WithResources, Measure):
    """How well the distance of the outputs to the nearest one-hot vector tells attacked images from untouched ones.

    An attack is run on every image to its end and does not stop at the boundary, where outputs lie between two classes
    and anyone would notice. The untouched images are the same ones; those that the network gets wrong count as
    untouched all the same, so that a false alarm is any alarm without an attack.

    Reference: Gannon 2018, Pruning neural networks and adversarial noise, "Next time". That misclassified images stand
    out by their outputs: Hendrycks and Gimpel 2017, "A baseline for detecting misclassified and out-of-distribution
    examples in neural networks".
    """

    kind: Literal["detection"] = "detection"
    attack: AnyAttack | None = None
    """What is to be noticed. `evading` is the attacker who knows of the detector, and here always of what it reads."""
    noises: tuple[UniversalNoise, ...] = ()
    """Universal noises instead of an attack, a record for each. With `loss: quadratic` a noise knows of a detector that
    reads raw outputs, with `loss: ce` of one that reads probabilities: each pulls towards what the other looks at.
    """
    source: SourceNetwork | None = None
    """The network that the noises are made on, where it is another: a transfer."""
    outputs: Literal["auto", "raw", "softmax"] = "auto"
    """What the detector reads: raw outputs, which a quadratic cost drives to one-hot vectors, or softmax probabilities,
    which cross-entropy does. Raw logits of the latter are far from every one-hot vector and softmax of the former is
    nearly even, so that each network has one reading that makes sense: auto takes that in which its outputs for
    untouched images are nearer (by their median), and the record says which.
    """
    n_max: Count | None = None
    """Measure only this many images, evenly spread over the set."""
    batch_size: Count = 250
    """Images at a time."""

    def __post_init__(self) -> None:
        if (self.attack is None) == (not self.noises):
            raise ValueError("give an attack such as {kind: pgd, eps: 0.1}, or noises; one of them")
        if self.source is not None and not self.noises:
            raise ValueError("source: there is no noise to make on it; add noises, or leave source out")
        names = [noise.name for noise in self.noises]
        if again := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"noises: class and limit {again[0]} are listed twice; write a measure for each")
        if self.attack is not None and self.attack.targeted:
            raise ValueError("detection wants an attack that leaves the true label: remove targeted: true")

    def __call__(
        self,
        model: nn.Module,
        x: Pixels,
        y: Tensor,
        *,
        noises: Sequence[Tensor] = (),
        progress: Progress | None = None,
    ) -> list[DetectionRecord]:
        """A record for the attack, or one for each noise.

        Args:
            model: left as it was.
            x: images to measure on, uint8 or float32 in [0, 1], (n, channels, height, width).
            y: their true labels, int64 (n,).
            noises: what `self.noises` have made, in that order, each (channels, height, width).
            progress: called with ("attack", images done, images).
        Raises:
            DataError: no images, not as many labels as images, or labels that the network has no output for.
            AttackError: not as many noises as `self.noises`.
            ModelError: outputs that are not finite.
        """
        if len(x) != len(y) or not len(x):
            raise DataError(f"{len(x)} images with {len(y)} labels; give one label for each image")
        if len(noises) != len(self.noises):
            raise AttackError(f"{len(noises)} noises for {len(self.noises)}; make each: noise = attack(model, x_train)")
        index = evenly(len(x), self.n_max)
        device = device_of(model, x.device)
        x, y = taken(x, index.to(x.device)).to(device), y[index.to(y.device)].to(device).long()
        parts = blocks(x, self.batch_size)
        untouched = torch.cat([outputs_of(model, pixels(x[part]), batch_size=self.batch_size) for part in parts])
        if int(y.min()) < 0 or int(y.max()) >= untouched.shape[1]:
            raise DataError(
                f"labels lie in [{int(y.min())}, {int(y.max())}], but the network has {untouched.shape[1]} outputs"
            )
        reading = nearer_reading(untouched) if self.outputs == "auto" else self.outputs
        found = []
        for threat, name, attacked, doubts, seconds in self._threats(model, x, y, reading, noises, progress):
            record = _separated(read(untouched, reading), read(attacked, reading), y, threat, name, reading)
            found.append(replace(record, warnings=tuple(doubts), seconds=round(seconds, 3)))
        return found

    @property
    def revision(self) -> int:
        """That of the attack."""
        return 1 if self.attack is None else self.attack.revision

    def effort(self, images: int) -> float:
        """Every image once untouched and once under each noise; a step of an attack is two passes."""
        steps = 0.0 if self.attack is None else self.attack.effort
        return how_many(images, self.n_max) * (1.0 + len(self.noises) + 2.0 * steps)

    def measure(self, subject: Subject, *, progress: Progress | None = None) -> Measurement:
        """A record for the attack, or one for each noise."""
        return Measurement(self(subject.model, subject.x, subject.y, noises=subject.noises, progress=progress))

    def _threats(
        self,
        model: nn.Module,
        x: Pixels,
        y: Tensor,
        reading: Reading,
        noises: Sequence[Tensor],
        progress: Progress | None,
    ) -> Iterator[tuple[Threat, str | None, Tensor, Sequence[str], float]]:
        """What is done to the images, a noise's name, outputs for them after it, its reservations, and the seconds."""
        parts = blocks(x, self.batch_size)
        for noise, made in zip(self.noises, noises):
            start = time.perf_counter()
            outputs = [outputs_of(model, noise.apply(made, x[part]), batch_size=self.batch_size) for part in parts]
            yield noise, noise.name, torch.cat(outputs), noise.reservations(made), time.perf_counter() - start
        if self.attack is None:
            return
        attack = self.attack.against(reading) or self.attack
        found, outputs = [], []
        for part in parts:
            with own_randomness(y.device), warnings.catch_warnings():
                warnings.simplefilter("ignore", AttackWarning)  # kept in the record
                crafted = craft(
                    attack,
                    model,
                    x[part],
                    y[part],
                    batch_size=self.batch_size,
                    precision="float32",  # since outputs are compared finely
                    judge=model,  # so that every image is attacked to the end
                    progress=of_all(progress, part, len(x)),
                )
            outputs.append(outputs_of(model, crafted.x_adv, batch_size=self.batch_size))
            found.append(replace(crafted, x_adv=crafted.x_adv[:0]))
        whole = joined(found)
        yield attack, None, torch.cat(outputs), whole.warnings, whole.seconds


def score(outputs: Tensor) -> Tensor:
    """Distance of outputs, as they are read, (n, classes), to the nearest one-hot vector, shape (n,)."""
    return one_hot_distance(outputs, outputs.argmax(1))


def nearer_reading(outputs: Tensor) -> Reading:
    """In which reading the outputs for untouched images, (n, classes), are nearer to one-hot vectors, by the median."""
    far = {reading: float(score(read(outputs, reading)).median()) for reading in ("raw", "softmax")}
    return "raw" if far["raw"] <= far["softmax"] else "softmax"


def outputs_of(model: nn.Module, x: Tensor, *, batch_size: int = 250) -> Tensor:
    """Outputs for float images, float32 (n, classes), in eval mode and without gradients.

    Raises:
        ModelError: they are not finite.
    """
    with eval_mode(model), torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        outputs = torch.cat([model(batch) for batch in torch.split(x, batch_size)]).float()
    if not bool(torch.isfinite(outputs).all()):
        bad = int((~torch.isfinite(outputs)).any(1).sum())
        raise ModelError(f"{type(model).__name__} gives outputs that are not finite for {bad} of {len(x)} images")
    return outputs


def _separated(
    untouched: Tensor, attacked: Tensor, y: Tensor, threat: Threat, name: str | None, reading: Reading
) -> DetectionRecord:
    """The record of one attacker, from outputs as they are read, (n, classes); `name` is that of a noise."""
    clean, changed = (score(outputs).double().cpu().numpy() for outputs in (untouched, attacked))
    wrong = (attacked.argmax(1) != y).cpu().numpy()
    limits = {rate: threshold(clean, rate) for rate in RATES}
    unnoticed, n = int((wrong & (changed <= limits[0.05])).sum()), len(y)
    whole, fooled = auroc(clean, changed), auroc(clean, changed, wrong)
    assert whole is not None  # every image counts
    low, high = wilson(unnoticed, n)
    return DetectionRecord(
        attack=spelled(threat),
        noise=name,
        eps=threat.eps,
        adaptive=threat.against(reading) is not None,
        outputs=reading,
        value=whole.value,
        low=whole.low,
        high=whole.high,
        n=n,
        fooled=int(wrong.sum()),
        auroc_fooled=None if fooled is None else fooled.value,
        auroc_fooled_low=None if fooled is None else fooled.low,
        auroc_fooled_high=None if fooled is None else fooled.high,
        tpr_1=float((changed > limits[0.01]).mean()),
        tpr_5=float((changed > limits[0.05]).mean()),
        threshold_5=limits[0.05],
        accuracy=float((untouched.argmax(1) == y).float().mean()),
        accuracy_attacked=float(1 - wrong.mean()),
        undetected=unnoticed / n,
        undetected_low=low,
        undetected_high=high,
        roc=tuple(roc(clean, changed)),
    )
