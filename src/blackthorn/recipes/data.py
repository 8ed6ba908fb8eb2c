"""The images of a recipe."""

import os
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator

from ..data import Splits, load_data
from ..data.memory import allowed
from ..errors import DataError
from ..types import Progress
from ..values import Count, Number, value


def _size(read: object) -> object:
    sides = read if isinstance(read, (list, tuple)) else [read, read]
    if read is not None and not (len(sides) == 2 and all(type(side) is int and side > 0 for side in sides)):
        raise ValueError(f"a number of pixels is wanted, such as 28, or [height, width]; got {read}")
    return read


def _share(share: float) -> float:
    if not 0 < share <= 1:
        raise ValueError(f"a share above 0 and of at most 1 is wanted, such as 0.875; got {share:g}")
    return share


def _memory(said: float | str) -> float | str:
    try:
        allowed(said)
    except DataError as refused:
        raise ValueError(str(refused).removeprefix("memory: ")) from None
    return said


Share = Annotated[Number, AfterValidator(_share)]


def _count_or_share(number: float) -> float | int:
    return int(number) if number >= 1 and number.is_integer() else number


@value
class Data:
    """Which images: the options of `blackthorn.load_data`."""

    source: str
    """digits, a folder, a folder under the data root, or a Hugging Face hub id."""
    resize: Annotated[int | tuple[int, int] | None, BeforeValidator(_size)] = None
    """Bring images to this size: pixels, or [height, width]."""
    crop: Share | None = None
    """With `resize`, cut out the centre instead of stretching: the largest part of that shape, times this."""
    mode: Literal["L", "RGB"] | None = None
    """Convert images to grey (L) or colour (RGB)."""
    standardize: bool = False
    """Bring each image to mean 0 and deviation 1, held as 1/2 + s/128, as the code of ANP-VS does on CIFAR."""
    valid: Annotated[Number, AfterValidator(_count_or_share)] | None = None
    """Validation images taken from the training images: a number, or a fraction below 1; 0 for none."""
    train: Count | None = None
    """Use at most so many training images."""
    test: Count | None = None
    """Use at most so many test images."""
    memory: Annotated[float | str, AfterValidator(_memory)] = "25%"
    """What images may take of memory: a share, or bytes such as 2 GiB; more are served from disk. No number changes."""

    def load(self, data_root: str | os.PathLike[str] | None = None, *, progress: Progress | None = None) -> Splits:
        """Read the images; `progress` is called with (text, images done, images) while they are decoded.

        Raises:
            DataError: they are not there, or are no labelled images.
        """
        return load_data(
            self.source,
            data_root=data_root,
            resize=list(self.resize) if isinstance(self.resize, tuple) else self.resize,
            crop=self.crop,
            mode=self.mode,
            standardize=self.standardize,
            valid=self.valid,
            train=self.train,
            test=self.test,
            memory=self.memory,
            progress=progress,
        )
