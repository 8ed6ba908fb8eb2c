"""What attacks achieved, image by image."""

from dataclasses import dataclass, field

from torch import Tensor

from ..speed.precision import Chosen


@dataclass(frozen=True)
class Crafted:
    """What attacks achieved, image by image."""

    x_adv: Tensor
    """Adversarial images, float32 (images, ...) in [0, 1]; untouched where the network was wrong already, unless
    another one judges.
    """
    fooled: Tensor
    """bool (images,): verified in float32. For a targeted attack: the target was reached."""
    by: Tensor
    """int64 (images,): the position of the attack that fooled the image; -1 where none did, or none was needed. Attacks
    that stand for several, such as AutoAttack, count as many; what the engine went on with counts after all of them.
    """
    precision: Chosen
    """What the search computed in."""
    warnings: tuple[str, ...]
    """Why the number may say less than it seems to."""
    seconds: float
    alarms: tuple[str, ...] = ()
    """Which alarms rang: then the number is an upper bound that must not be compared. Warnings say why."""
    dead_pixels: float | None = None
    """Share of the pixels at which the gradient was zero for all images; None where no gradient was looked at."""
    labels: Tensor | None = None
    """int64 (images,): what `x_adv` is taken for, where that is known."""
    contributions: dict[str, int] = field(default_factory=dict)
    """How many images each attack fooled, where there were several."""
    tier: str | None = None
    """How thorough the attack was, where it has degrees."""

    @property
    def robust_accuracy(self) -> float:
        """Share of images that were not fooled."""
        return 1.0 - self.fooled.float().mean().item()
