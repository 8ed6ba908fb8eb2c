"""Threat models: who is asked for gradients when adversarial images are made, and who is to be fooled by them."""

from dataclasses import dataclass, replace
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from ..attacks import Crafted, Precision, UniversalNoise, craft
from ..data import pixels
from ..models.answers import Predict, answers
from ..types import Attack, Progress
from .randomness import own_randomness


class ThreatModel(Protocol):
    """A way to perturb images so that `model` misclassifies them."""

    def perturb(self, model: nn.Module | Predict, x: Tensor, y: Tensor, *, progress: Progress | None = None) -> Crafted:
        """Images that are to fool `model`, with the verdict on each.

        Args:
            model: who is to be fooled; left as it was.
            x: images, uint8 or float32 in [0, 1], (n, ...), on the device of the networks.
            y: true labels, int64 (n,).
            progress: called with (text, images done, images).
        """
        ...

    def targeted_success(self, crafted: Crafted, y: Tensor) -> float | None:
        """Share of the images of other classes that are taken for the target; None where there is none."""
        return None


@dataclass(frozen=True)
class WhiteBox(ThreatModel):
    """The gradients of the measured network itself are followed, and a fooled image leaves at once.

    Random starts come from a fixed seed, the same for every network; torch's generators are left alone.
    """

    attack: Attack
    batch_size: int = 250
    precision: Precision = "auto"

    def perturb(self, model: nn.Module | Predict, x: Tensor, y: Tensor, *, progress: Progress | None = None) -> Crafted:
        """See `ThreatModel`; `model` is a network, since a function has no gradients."""
        assert isinstance(model, nn.Module)  # refused before, with a remedy
        with own_randomness(x.device):
            return craft(
                self.attack, model, x, y, batch_size=self.batch_size, precision=self.precision, progress=progress
            )


@dataclass(frozen=True)
class Transfer(ThreatModel):
    """The gradients of another network are followed, on every image and to the end; the measured one judges."""

    attack: Attack
    source: nn.Module
    batch_size: int = 250
    precision: Precision = "auto"
    labels: Literal["true", "predicted"] = "true"
    """What images are driven away from: their true labels, or those that the source gives them untouched."""

    def perturb(self, model: nn.Module | Predict, x: Tensor, y: Tensor, *, progress: Progress | None = None) -> Crafted:
        """See `ThreatModel`; `model` may be any function of images."""
        source = self.source.to(x.device)
        attacked = answers(source, pixels(x), batch_size=self.batch_size) if self.labels == "predicted" else y
        with own_randomness(x.device):
            crafted = craft(
                self.attack,
                source,
                x,
                attacked,
                batch_size=self.batch_size,
                precision=self.precision,
                judge=model,
                progress=progress,
            )
        if attacked is y:
            return crafted
        given = answers(model, crafted.x_adv, batch_size=self.batch_size)
        fooled = given != y  # who misses the true label, whichever the images were driven away from
        by = torch.where(fooled, crafted.by.clamp(min=0), -1)
        return replace(crafted, fooled=fooled, labels=given, by=by, contributions={})


@dataclass(frozen=True)
class Noise(ThreatModel):
    """One noise, made before, is added to every image."""

    maker: UniversalNoise
    noise: Tensor
    """What `maker` has made, (channels, height, width)."""
    batch_size: int = 250

    def perturb(self, model: nn.Module | Predict, x: Tensor, y: Tensor, *, progress: Progress | None = None) -> Crafted:
        """See `ThreatModel`; `model` may be any function of images."""
        x_adv = self.maker.apply(self.noise, x)
        labels = answers(model, x_adv, batch_size=self.batch_size)
        fooled = labels != y
        doubts = tuple(self.maker.reservations(self.noise))
        return Crafted(x_adv, fooled, fooled.long() - 1, "float32", doubts, 0.0, labels=labels)

    def targeted_success(self, crafted: Crafted, y: Tensor) -> float | None:
        """Share of the images of other classes that are taken for the noise's target; None if there are no others."""
        others = y != self.maker.target
        assert crafted.labels is not None  # by `perturb`
        return (crafted.labels[others] == self.maker.target).float().mean().item() if others.any() else None
