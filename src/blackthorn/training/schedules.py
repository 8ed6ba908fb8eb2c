"""Learning-rate schedules: `schedule(progress)` is the factor at a fraction of the run; presets scale them for free."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from ..values import Count, Positive, Rate, value


@value
class Constant:
    """The same learning rate throughout."""

    kind: Literal["constant"] = "constant"

    def __call__(self, progress: float) -> float:
        """Factor on the learning rate at `progress` in [0, 1) of the run."""
        del progress
        return 1.0


@value
class Piecewise:
    """Multiplied by `factor` at each milestone."""

    kind: Literal["piecewise"] = "piecewise"
    at: tuple[Rate, ...]
    """Fractions of the run, such as [0.5, 0.75]."""
    factor: Positive = 0.1

    def __call__(self, progress: float) -> float:
        """Factor on the learning rate at `progress` in [0, 1) of the run."""
        return self.factor ** sum(progress >= milestone for milestone in self.at)

    def __post_init__(self) -> None:
        refuse_disorder(self.at)


@value
class Periodic:
    """The same steps down again in each of `times` equal parts of the run, each from the full rate."""

    kind: Literal["periodic"] = "periodic"
    times: Count
    """Parts of the run: epochs divided by the period."""
    at: tuple[Rate, ...] = (1 / 3, 2 / 3)
    """Fractions of a part at which the rate is multiplied by `factor`."""
    factor: Positive = 0.1

    def __call__(self, progress: float) -> float:
        """Factor on the learning rate at `progress` in [0, 1) of the run."""
        within = (progress * self.times + 1e-9) % 1
        return self.factor ** sum(within >= milestone for milestone in self.at)

    def __post_init__(self) -> None:
        refuse_disorder(self.at)


@value
class Cosine:
    """Falls along half a cosine to `final` of the learning rate, after a linear warm-up.

    Reference: Loshchilov and Hutter 2017, "SGDR", eq. 5 without restarts.
    """

    kind: Literal["cosine"] = "cosine"
    warmup: Rate = 0.0
    """Fraction of the run over which the rate rises from 0."""
    final: Rate = 0.0

    def __call__(self, progress: float) -> float:
        """Factor on the learning rate at `progress` in [0, 1) of the run."""
        if progress < self.warmup:
            return progress / self.warmup
        done = (progress - self.warmup) / (1 - self.warmup)
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * done)) / 2

    def __post_init__(self) -> None:
        if self.warmup == 1:
            raise ValueError("a warmup of the whole run never reaches the learning rate; write 0.1")


AnySchedule = Annotated[Constant | Piecewise | Periodic | Cosine, Field(discriminator="kind")]
"""Every schedule a recipe can name, told apart by `kind`."""


def refuse_disorder(at: Sequence[float]) -> None:
    """Raises ValueError where milestones do not grow."""
    if list(at) != sorted(set(at)):
        raise ValueError(f"milestones must grow; got {list(at)}")
