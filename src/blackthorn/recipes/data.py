"""The images of a recipe."""

import os
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator

from ..data import Splits, load_data
from ..values import Count, Number, value


def _size(read: object) -> object:
    sides = read if isinstance(read, (list, tuple)) else [read, read]
    if read is not None and not (len(sides) == 2 and all(type(side) is int and side > 0 for side in sides)):
        raise ValueError(f"a number of pixels is wanted, such as 28, or [height, width]; got {read}")
    return read


def _count_or_share(number: float) -> float | int:
    return int(number) if number >= 1 and number.is_integer() else number


@value
class Data:
    """Which images: the options of `blackthorn.load_data`."""

    source: str
    """digits, a folder, a folder under the data root, or a Hugging Face hub id."""
    resize: Annotated[int | tuple[int, int] | None, BeforeValidator(_size)] = None
    """Bring images to this size: pixels, or [height, width]."""
    mode: Literal["L", "RGB"] | None = None
    """Convert images to grey (L) or colour (RGB)."""
    valid: Annotated[Number, AfterValidator(_count_or_share)] | None = None
    """Validation images taken from the training images: a number, or a fraction below 1; 0 for none."""
    train: Count | None = None
    """Use at most so many training images."""
    test: Count | None = None
    """Use at most so many test images."""

    def load(self, data_root: str | os.PathLike[str] | None = None) -> Splits:
        """Read the images.

        Raises:
            DataError: they are not there, or are no labelled images.
        """
        return load_data(
            self.source,
            data_root=data_root,
            resize=list(self.resize) if isinstance(self.resize, tuple) else self.resize,
            mode=self.mode,
            valid=self.valid,
            train=self.train,
            test=self.test,
        )
