"""The record of an accuracy: the share of images classified right, untouched or under an attack."""

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from .images import Half, evenly
from .record import Record, record
from .statistics import Reading


@record
class AccuracyRecord(Record):
    """One accuracy of one network, with its 95 % interval over images."""

    measure: Literal["accuracy"] = "accuracy"
    value: float
    """Fraction in [0, 1]."""
    n: Annotated[int, Field(ge=0, lt=2**63)]
    """Images."""
    low: float
    high: float
    attack: dict[str, Any] | None = None
    """As spelled in a recipe; None for natural accuracy."""
    eps: float | None = None
    """Radius, in pixels of [0, 1]."""
    norm: str | None = None
    precision: Literal["float32", "bf16"] = "float32"
    """What the attack searched in; every verdict is in float32."""
    dead_pixels: float | None = None
    """Share of the pixels at which the gradient was zero for all images; None without an attack."""
    mean_linf: float | None = None
    """Mean size of the perturbations, without the images that were wrong from the start and left alone."""
    mean_l2: float | None = None
    source: Literal["substitute", "network"] | None = None
    """Whose gradients the attack followed, if not the measured network's own."""
    first: int = 0
    """How many test images are left out at the beginning: those that a substitute was trained on."""
    of: int | None = None
    """How many test images there are, of which `n` were taken, evenly spread; None where an older version measured."""
    part: Half = "all"
    """The half of them that was taken from."""
    queries: int | None = None
    """Labels that the substitute's training asked for."""
    agreement: float | None = None
    """Share of untouched images to which source and measured network give the same label."""
    tier: str | None = None
    """How thorough an attack with several tiers was in the end: screen, standard or full."""
    contributions: dict[str, int] | None = None
    """Images that each of several attacks fooled, in their order; each worked on what those before it had left."""
    targeted_success: float | None = None
    """Of a universal noise: share of the images of other classes that are taken for its target."""
    classes: tuple[str, ...] = ()
    by_class: tuple[tuple[int, int], ...] = ()
    """For each class, how many of its images are classified right, and how many there are."""
    parameters: int | None = None
    """Numbers that training may change, zeros included."""

    def __post_init__(self) -> None:
        slack = 1e-6  # of rounding; older versions wrote such intervals
        if not -slack <= self.low <= self.value + slack <= self.high + 2 * slack <= 1 + 3 * slack:
            raise ValueError(f"an accuracy of {self.value:g} cannot lie between {self.low:g} and {self.high:g}")

    @property
    def reading(self) -> Reading:
        """The accuracy."""
        return Reading(self.value, self.low, self.high, self.n)

    @property
    def index(self) -> NDArray[np.int64] | None:
        """Which test images were measured, (n,); None where it is not known."""
        return None if self.of is None else self.first + evenly(self.of - self.first, self.n, self.part)

    @property
    def flagged(self) -> int:
        """Every image has a flag."""
        return self.n
