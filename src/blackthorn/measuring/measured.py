"""What measuring an accuracy gives."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from ..attacks import KnownAttack, OwnAttack, UniversalNoise, as_search, spelled
from ..models.own import OrOwn
from ..results import AccuracyRecord, Half

Threat = Annotated[KnownAttack | UniversalNoise, Field(discriminator="kind"), OrOwn(OwnAttack, as_search)]
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
    of: int
    """How many images were given."""
    part: Half
    """The half of them that was taken from."""
    attack: Threat | None = None
    """None = natural accuracy."""
    precision: Literal["float32", "bf16"] = "float32"
    """What the attack searched in; every verdict is in float32."""
    warnings: tuple[str, ...] = ()
    """Why the number may say less than it seems to."""
    alarms: tuple[str, ...] = ()
    """Which alarms rang: then the number is an upper bound that must not be compared."""
    dead_pixels: float | None = None
    """Share of the pixels at which the gradient was zero for all images."""
    mean_linf: float | None = None
    """Mean size of the perturbations, without the images that were wrong from the start and left alone."""
    mean_l2: float | None = None
    x_adv: Tensor | None = None
    """float32 (n, ...): adversarial images in [0, 1]; of a set that is attacked block by block, those of the first."""
    source: Literal["substitute", "network"] | None = None
    """Whose gradients the attack followed, if not the measured network's own."""
    first: int = 0
    """How many images at the start were left out: those that a substitute was trained on."""
    queries: int | None = None
    """Labels that the substitute's training asked for."""
    agreement: float | None = None
    """Share of the measured images, untouched, that source and measured network give the same label."""
    tier: str | None = None
    """How thorough an attack with several tiers was in the end: screen, standard or full."""
    contributions: dict[str, int] | None = None
    """Images that each of several attacks fooled, in their order; each worked on what those before it had left."""
    targeted_success: float | None = None
    """Of a universal noise: share of the images of other classes that are taken for its target."""

    def record(self) -> AccuracyRecord:
        """The typed record that a result is stored as; what only a run knows, such as the seed, is filled in later."""
        return AccuracyRecord(
            value=self.value,
            n=self.n,
            low=self.low,
            high=self.high,
            attack=None if self.attack is None else spelled(self.attack),
            eps=None if self.attack is None else self.attack.eps,
            norm=None if self.attack is None else self.attack.norm,
            mean_linf=self.mean_linf,
            mean_l2=self.mean_l2,
            warnings=self.warnings,
            alarms=self.alarms,
            dead_pixels=self.dead_pixels,
            precision=self.precision,
            seconds=self.seconds,
            source=self.source,
            first=self.first,
            of=self.of,
            part=self.part,
            queries=self.queries,
            agreement=self.agreement,
            targeted_success=self.targeted_success,
            tier=self.tier,
            contributions=self.contributions,
        )
