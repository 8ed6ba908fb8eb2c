"""What a network is made of, as data: the description every builder stamps on the network it makes.

`model.architecture` is a flat JSON-able dict, `{"kind": "wang_cnn", "num_classes": 10, "in_channels": 1,
...}`, from which `models.build` makes the same network again. It survives `copy.deepcopy`; it holds no
weights.
"""

import math
from collections.abc import Sequence
from typing import TypeVar

from torch import nn

from ..errors import ModelError

M = TypeVar("M", bound=nn.Module)
Architecture = dict[str, object]


def stamp(model: M, kind: str, **options: object) -> M:
    """Describe a network on itself: `model.architecture = {"kind": kind, **options}`; an option of None is said too."""
    said = {name: _plain(option) for name, option in options.items()}
    model.__dict__["architecture"] = {"kind": kind, **said}
    return model


def architecture_of(model: nn.Module) -> Architecture:
    """The description of a network made by a builder or by `models.build`.

    Raises:
        ModelError: the network was made by hand, and nothing says how.
    """
    found = model.__dict__.get("architecture")
    if not isinstance(found, dict):
        raise ModelError(
            f"{type(model).__name__} has no description to rebuild it from; make it with "
            "blackthorn.models.build('package.module:factory', num_classes=..., shape=(C, H, W))"
        )
    return found


def check_images(kind: str, *, num_classes: object, in_channels: object, image_size: object, at_least: int = 1) -> None:
    """Refuse sizes that are not whole numbers, and images too small for the layers of a network.

    Raises:
        ModelError: saying which size, what was read and what to write.
    """
    check_counts(kind, num_classes=num_classes, in_channels=in_channels)
    if not _whole(image_size):
        raise ModelError(
            f"{kind}: image_size is one whole number, the side of a square image; got {image_size!r}; "
            f"write resize: {max(at_least, 28)} in the data to make images square"
        )
    if isinstance(image_size, int) and image_size < at_least:
        raise ModelError(
            f"{kind} needs images of at least {at_least}x{at_least}, got {image_size}x{image_size}; "
            f"write resize: {at_least} in the data, or take mlp or parana_cnn, which work at any size"
        )


def check_counts(kind: str, **options: object) -> None:
    """Refuse options that are not a whole number of at least 1."""
    for name, read in options.items():
        if not _whole(read):
            raise ModelError(f"{kind}: {name} must be a whole number of at least 1; got {read!r}")


def check_widths(kind: str, **options: object) -> None:
    """Refuse options that are not a list of whole numbers of at least 1."""
    for name, read in options.items():
        if not isinstance(read, (list, tuple)) or not all(_whole(one) for one in read):
            raise ModelError(
                f"{kind}: {name} must be a list of whole numbers from 1 up, such as [64, 32]; got {read!r}"
            )


def check_moments(
    kind: str, in_channels: int, mean: Sequence[float] | None, std: Sequence[float] | None
) -> tuple[list[float] | None, list[float] | None]:
    """Mean and std as lists of one number per channel, or both None.

    Raises:
        ModelError: only one of the two, a wrong number of them, or something that is not a number.
    """
    if mean is None and std is None:
        return None, None
    for name, read in (("mean", mean), ("std", std)):
        numbers = isinstance(read, Sequence) and not isinstance(read, str) and all(_number(one) for one in read)
        if read is None or not numbers or len(read) not in (1, in_channels):
            raise ModelError(
                f"{kind}: {name} must be a list of {in_channels} numbers, in pixels of [0, 1]; got {read!r}; "
                "give both mean and std, or neither"
            )
    assert mean is not None and std is not None
    if not min(std) > 0:
        raise ModelError(f"{kind}: std must be above 0; got {list(std)}")
    return _spread(mean, in_channels), _spread(std, in_channels)


def _spread(numbers: Sequence[float], channels: int) -> list[float]:
    return [float(one) for one in numbers] * (channels // len(numbers))


def _whole(read: object) -> bool:
    return isinstance(read, int) and not isinstance(read, bool) and read >= 1


def _number(read: object) -> bool:
    return isinstance(read, (int, float)) and not isinstance(read, bool) and math.isfinite(read)


def _plain(option: object) -> object:
    return [_plain(one) for one in option] if isinstance(option, (list, tuple)) else option
