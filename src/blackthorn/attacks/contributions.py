"""Which attack fooled how many images, and what that says of the gradients of a network."""

from collections.abc import Sequence

from torch import Tensor, nn

from .search import Search
from .trust import zero_gradient_fraction

_TOLERATED = 0.01  # share of images; on healthy networks Square adds a few tenths of a point at most


def contributions(parts: Sequence[Search], by: Tensor) -> dict[str, int]:
    """Images fooled by each attack, in their order; attacks of the same name are counted together.

    Args:
        parts: the attacks.
        by: int64 (images,), the position of the attack that fooled an image, or -1.
    """
    found: dict[str, int] = {}
    for number, part in enumerate(parts):
        found[part.name] = found.get(part.name, 0) + int((by == number).sum())
    return found


def hidden_gradients(parts: Sequence[Search], by: Tensor) -> list[str]:
    """A line where an attack without gradients fooled what gradients had left standing; empty when all is well."""
    followed = {number for number, part in enumerate(parts) if part.needs_gradients}
    blind = [
        int((by == number).sum())
        for number, part in enumerate(parts)
        if part.only_asks and any(earlier < number for earlier in followed)
    ]
    if sum(blind) < 2 or sum(blind) <= _TOLERATED * len(by):
        return []
    return [
        f"an attack that follows no gradients fooled {sum(blind)} of {len(by)} images that gradients had left "
        "standing: the network hides its gradients"
    ]


def vanished(model: nn.Module, x: Tensor, y: Tensor) -> list[str]:
    """A line where the margin of many images has no gradient at all; empty when all is well."""
    zero = zero_gradient_fraction(model, x, y, loss="margin")
    if zero <= _TOLERATED:
        return []
    return [
        f"the gradient of the margin is exactly zero for {zero:.1%} of the images: attacks that follow gradients have "
        "nothing to follow; use {kind: square} or {kind: autoattack}, which need none"
    ]
