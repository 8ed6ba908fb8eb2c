"""The record of planted examples: how many of them an attack found."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from .record import Record, record
from .statistics import Reading

ENOUGH = 0.95
"""Share of planted examples that a sound attack finds (Zimmermann et al. 2022)."""
EASY = 0.5
"""Share found by random points from which what an attack misses says nothing: class 1 fills much of the ball."""


@record
class PlantedRecord(Record):
    """Adversarial examples that are surely there, and the share of them that an attack finds."""

    plain: ClassVar[bool] = True
    measure: Literal["planted"] = "planted"
    value: float
    """Share of the planted examples that the attack found, a fraction in [0, 1]; 0 where none could be planted."""
    n: Annotated[int, Field(ge=1, lt=2**63)]
    """Images that were looked at."""
    planted: int
    """Images in whose ball an example could be planted."""
    low: float
    """End of the 95 % interval over images."""
    high: float
    guessed: float
    """Share that random points found; where it is above a half, the test is too easy and says nothing."""
    attack: dict[str, Any]
    """As spelled in a recipe."""
    eps: float
    """Radius, in pixels of [0, 1]."""
    norm: str

    @property
    def missed(self) -> bool:
        """Whether the attack surely finds too few: the whole interval lies below 95 %, and random points find few."""
        return self.high < ENOUGH and self.guessed <= EASY

    @property
    def reading(self) -> Reading:
        """The share that was found."""
        return Reading(self.value, self.low, self.high, self.n)
