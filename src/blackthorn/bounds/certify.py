"""Certificates: which images are proved to be classified right all over their ball, by the cheapest bound that can."""

import time
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ..errors import AttackError, ModelError
from ..models import device_of, eval_mode
from ..types import Progress
from .boxes import Norm, around
from .crown import Arithmetic, Backward
from .follow import followed
from .images import checked
from .interval import finished
from .interval import margins as interval_margins
from .operation import Network
from .propagate import propagate
from .rounding import Claim, Rounding, rounding_of

Method = Literal["interval", "crown-ibp", "crown"]
"""Intervals alone; then linear bounds over them; then linear bounds for every layer. Each is tighter and slower."""


@dataclass(frozen=True)
class Certificate:
    """What was proved, image by image; on the CPU."""

    proved: Tensor
    """bool (images,): classified right as it is, and proved to be so in the whole ball."""
    margins: Tensor
    """float64 (images, classes): lower bounds of own logit minus every other, by the tightest method that was tried;
    infinity at the true class, minus infinity for images that are wrong from the start or were left out.
    """
    by: tuple[str, ...]
    """For each image, the method that proved it; empty where none did."""
    seconds: float
    method: Method

    @property
    def share(self) -> float:
        """Share of images proved to stand: a lower bound of robust accuracy."""
        return self.proved.float().mean().item()


def certify(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    *,
    norm: Norm = "linf",
    eps: float,
    method: Method = "crown",
    arithmetic: Arithmetic = "float64",
    claim: Claim = "exact",
    batch_size: int = 50,
    only: Tensor | None = None,
    progress: Progress | None = None,
) -> Certificate:
    """Prove for as many images as possible that nothing in their ball is misclassified.

    An image that the network gets wrong is not tried. The others are tried with intervals; those that intervals do not
    prove, with linear bounds over them; and the rest with linear bounds for every layer, as far as `method` says.

    Args:
        model: any network that torch.fx can trace in eval mode; left as it was.
        x: images, float in [0, 1] or uint8, (images, channels, height, width).
        y: true labels, int64 (images,).
        norm: `linf` or `l2`; the ball is cut to [0, 1].
        eps: its radius, in pixels of [0, 1].
        method: the tightest bound to try.
        arithmetic: of the bounds; float32 is faster and as sound, but proves a little less.
        claim: `rounded` holds for the network as it runs in float32 too; see `rounding`.
        batch_size: images at a time; memory does not depend on it beyond one coefficient for each image and number.
        only: bool (images,), which images to try; leave out what an attack has fooled already.
        progress: called with ("certify", images done, images).

    Raises:
        ModelError: an operation that has no bounds, by name.
        DataError: images outside [0, 1], or labels that do not fit.
        AttackError: an unknown norm or method, or a radius that cannot be.
    """
    if method not in get_args(Method):
        raise AttackError(f"there is no method '{method}'; write {', '.join(get_args(Method))}")
    start = time.perf_counter()
    x, y = checked(x, y, eps, norm)
    device = device_of(model, x.device)
    x, y = x.to(device), y.to(device)
    dtype = torch.float64 if arithmetic == "float64" else torch.float32
    network, rounding = followed(model, x[:2], dtype), rounding_of(model, dtype, claim)
    (classes,) = network.shape(network.output)
    if not (int(y.min()) >= 0 and int(y.max()) < classes):
        raise ModelError(f"labels lie in [{int(y.min())}, {int(y.max())}], but the network has {classes} logits")
    margins = torch.full((len(x), classes), -torch.inf, dtype=torch.float64)
    by = [""] * len(x)
    for first in range(0, len(x), batch_size):
        index = torch.arange(first, min(first + batch_size, len(x)))
        right = _right(model, x[index], y[index]).cpu()
        index = index[right if only is None else right & only[index].cpu()]
        for name in get_args(Method)[: get_args(Method).index(method) + 1]:
            if not len(index):
                break
            found = _tried(network, name, x[index].to(dtype), y[index], norm, eps, rounding).cpu().double()
            margins[index] = torch.maximum(margins[index], found)
            proved = (margins[index] > 0).all(1)
            for image in index[proved].tolist():
                by[image] = name
            index = index[~proved]
        if progress is not None:
            progress("certify", min(first + batch_size, len(x)), len(x))
    proved = torch.tensor([bool(name) for name in by])
    return Certificate(proved, margins, tuple(by), time.perf_counter() - start, method)


def _tried(network: Network, method: str, x: Tensor, y: Tensor, norm: Norm, eps: float, rounding: Rounding) -> Tensor:
    with torch.no_grad():
        images = around(x, eps, norm, rounding)
        if method == "interval":
            return finished(interval_margins(network, propagate(network, images, rounding), y, rounding), y)
        bounds = Backward(network, images, rounding)
        if method == "crown":
            bounds.tighten()
        return finished(bounds.margins(y), y)


def _right(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    with eval_mode(model), torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        logits: Tensor = model(x)
    return logits.argmax(1) == y
