"""The record of how far images are from being fooled: the smallest radius that was found to fool each."""

from typing import Annotated, Literal

from pydantic import Field

from .record import Record, record


@record
class FragilityRecord(Record):
    """How many images each radius is the smallest to fool, and which images the smallest of all fools."""

    measure: Literal["fragility"] = "fragility"
    value: float
    """Share of images that no radius was found to fool, a fraction in [0, 1]."""
    n: Annotated[int, Field(ge=1, lt=2**63)]
    """Images."""
    wrong: int
    """Images that are misclassified as they are."""
    radii: tuple[float, ...]
    """The radii that were tried, rising, in pixels of [0, 1]."""
    fooled: tuple[int, ...]
    """For each radius, how many images are fooled at it, and at none before."""
    norm: str
    weakest: tuple[int, ...] = ()
    """Positions among the test images, the most fragile first; their images lie beside the record, in this order."""
    weakest_radii: tuple[float, ...] = ()
    """The smallest radius that fooled each of these."""
    classes: tuple[str, ...] = ()

    @property
    def standing(self) -> int:
        """Images that no radius was found to fool."""
        return self.n - self.wrong - sum(self.fooled)
