"""What every builder of a network does besides building it: check its options, and stamp the network with them."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from torch import nn

from .architecture import check_images, check_moments, check_widths, stamp
from .dropout import drop_probability

P = ParamSpec("P")
M = TypeVar("M", bound=nn.Module)
_WIDTHS = ("channels", "hidden")  # options that are lists of widths


def builder(*, at_least: int = 1) -> Callable[[Callable[P, M]], Callable[P, M]]:
    """Make a function that builds a network check its options, and describe the network by them.

    The function takes `num_classes`, `in_channels`, `image_size`, `mean` and `std`, and whatever else it needs. It is
    given `mean` and `std` as lists of one number per channel, or both as None, and `dropout` as a probability. What it
    returns is stamped with the name of the function and every option that it was called with, without
    Nones.

    Args:
        at_least: the smallest side of an image that the layers can take.
    Raises:
        ModelError: from the function, for an option that cannot be.
    """

    def decorate(make: Callable[P, M]) -> Callable[P, M]:
        kind, signature = make.__name__, inspect.signature(make)

        @wraps(make)
        def build(*args: P.args, **options: P.kwargs) -> M:
            given = signature.bind(*args, **options)
            given.apply_defaults()
            said = given.arguments
            sizes = {name: said[name] for name in ("num_classes", "in_channels", "image_size")}
            check_images(kind, **sizes, at_least=at_least)
            check_widths(kind, **{name: said[name] for name in _WIDTHS if name in said})
            said["mean"], said["std"] = check_moments(kind, said["in_channels"], said["mean"], said["std"])
            described: dict[str, Any] = dict(said)
            if "dropout" in said:
                said["dropout"] = drop_probability(kind, said["dropout"])
                described["dropout"] = said["dropout"] or None
            described = {name: option for name, option in described.items() if option is not None}
            return stamp(make(*given.args, **given.kwargs), kind, **described)

        return build

    return decorate
