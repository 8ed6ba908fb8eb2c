"""The record of a loss surface: how the loss lies around images, along the gradient's sign and along chance."""

from typing import Literal

from .record import Record, record
from .statistics import Reading


@record
class LossSurfaceRecord(Record):
    """The mean loss of one network on a square of moves away from the images."""

    measure: Literal["loss_surface"] = "loss_surface"
    value: float
    """How much higher the loss is at `eps` along the gradient's sign than at the images; the mean over them."""
    low: float
    high: float
    n: int
    """Images."""
    eps: float
    """The largest move along each direction, in pixels of [0, 1]."""
    loss: str
    still: float = 0.0
    """Share of the images at which the gradient is exactly zero, so that its sign leads nowhere."""
    surface: tuple[tuple[float, ...], ...]
    """Mean losses: a row for each move along the gradient's sign, a column for each along the random direction, both
    from -eps to eps in equal steps."""

    @property
    def reading(self) -> Reading:
        """The rise of the loss. It is no share of the images, so its interval is its own."""
        return Reading(self.value, self.low, self.high, self.n, share=False, bounded=False)

    @property
    def moves(self) -> list[float]:
        """The length of the moves, from -eps to eps."""
        last = len(self.surface) - 1
        return [self.eps * (2 * place / last - 1) for place in range(last + 1)]

    @property
    def centre(self) -> float:
        """The loss at the images."""
        middle = len(self.surface) // 2
        return self.surface[middle][middle]

    @property
    def along(self) -> tuple[float, ...]:
        """The losses along the gradient's sign, without a move along the random direction."""
        middle = len(self.surface) // 2
        return tuple(row[middle] for row in self.surface)

    @property
    def across(self) -> tuple[float, ...]:
        """The losses along the random direction, without a move along the gradient's sign."""
        return self.surface[len(self.surface) // 2]

    @property
    def lowest(self) -> float:
        """The smallest loss of the square."""
        return min(map(min, self.surface))

    @property
    def highest(self) -> float:
        """The largest loss of the square."""
        return max(map(max, self.surface))
