"""The record of a robust data set: how near the features of its images came to those of the originals."""

from typing import Any, Literal

from .record import Record, record


@record
class RobustImagesRecord(Record):
    """What became of the training images when a robust network's features were inverted."""

    measure: Literal["robust_images"] = "robust_images"
    n: int
    """Images."""
    network: str
    """The network whose features were inverted, as the recipe calls it."""
    compared: str | None = None
    """The network that it was compared with."""
    attack: dict[str, Any]
    """Under which the two were compared, as a recipe spells it."""
    robust: float
    """The accuracy of the network under this attack, a fraction in [0, 1]."""
    standard: float | None = None
    """That of the one it was compared with."""
    steps: int
    before: float
    """The median distance of features at the starting images, relative to the length of those of the original."""
    distance: float
    """The same at the end."""
    low: float
    """Its lower quartile."""
    high: float
    """Its upper quartile."""
    classes: tuple[str, ...] = ()
