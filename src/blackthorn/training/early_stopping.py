"""Robust early stopping: keep the weights of the epoch that withstood an attack best on images held out of training.

Adversarial training overfits: in published logs of 200 epochs robust accuracy falls by up to 8 points after its peak.

Reference: Rice et al. 2020, "Overfitting in adversarially robust deep learning".
"""

import torch
from torch import nn

from ..attacks import FGSM, AnyAttack, Precision, craft
from ..data import ImageSet, pixels
from ..models import device_of
from ..values import Count, value


@value
class EarlyStopping:
    """Measure on the validation split after every epoch, and end with the weights of the best epoch."""

    attack: AnyAttack | None = None
    """What the network must withstand; none measures clean accuracy."""
    patience: Count | None = None
    """Stop after this many epochs without a better one; by default train to the end."""
    images: Count = 1000
    """Validation images to measure on, the first of the split."""

    def __post_init__(self) -> None:
        if self.attack is not None and self.attack.targeted:
            raise ValueError("early stopping wants an attack that leaves the true label: remove targeted: true")

    @property
    def revision(self) -> int:
        """That of the attack."""
        return 1 if self.attack is None else self.attack.revision

    def score(self, model: nn.Module, valid: ImageSet, *, precision: Precision = "auto") -> float:
        """Accuracy under the attack, as a fraction; torch's generators are left as they were.

        Args:
            model: left as it was.
            valid: the validation split.
            precision: what the attack searches in; verdicts are in float32 in any case.
        """
        device = device_of(model)
        images = valid.subset(torch.arange(min(self.images, len(valid)))).to(device)
        attack = self.attack or FGSM(eps=0.0, loss="margin")  # changes nothing: the engine counts clean mistakes
        cuda = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda):
            torch.manual_seed(0)  # the same starts every epoch, so that epochs are compared and not draws
            return craft(attack, model, pixels(images.x), images.y, precision=precision).robust_accuracy
