"""Sizes that remember what they count: how the tracer tells a size that follows from one that is written in the code.

While a network is traced, the number of channels that it reads off a tensor is an `Extent`. It is an int, and stays an
`Extent` through the arithmetic that people do with it: in `x.view(n, 2, c // 2, h, w)` the third size will be smaller
when channels are gone, and the second one will not.
"""

from fractions import Fraction
from typing import Any

import torch
from torch import Tensor


class Extent(int):
    """A number of channels, or a whole part or multiple of it."""

    of: Tensor
    """The channels that are counted, int64 (C,)."""
    share: Fraction
    """This number divided by how many they are."""

    def __new__(cls, size: int, of: Tensor, share: Fraction = Fraction(1)) -> "Extent":
        """A size that is `share` times the number of these channels."""
        made = super().__new__(cls, size)
        made.of, made.share = of, share
        return made

    def __floordiv__(self, other: Any) -> int:
        """A part of the channels, where the division leaves nothing."""
        return self._times(Fraction(1, int(other))) if isinstance(other, int) and other else int(self) // other

    def __mul__(self, other: Any) -> Any:
        """A multiple of them."""
        return self._times(Fraction(int(other))) if isinstance(other, int) else int(self) * other

    __rmul__ = __mul__

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies are plain numbers."""
        return int, (int(self),)

    def _times(self, factor: Fraction) -> int:
        share = self.share * factor
        size = share * len(self.of)
        whole = size.denominator == 1 and factor > 0
        return Extent(int(size), self.of, share) if whole else int(int(self) * factor // 1)


def counted(sizes: torch.Size, axes: tuple[int, ...], ids: Tensor) -> torch.Size:
    """The sizes of a tensor with these channels on these axes, as extents."""
    marked: list[int] = list(sizes)
    for at, axis in enumerate(axes):
        along = ids.movedim(at, 0).flatten(1)[:, 0] if ids.dim() > 1 else ids
        marked[axis] = Extent(sizes[axis], along)
    return torch.Size(marked)
