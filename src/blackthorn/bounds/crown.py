"""CROWN: linear lower bounds of the margins, pulled back from the logits to the images.

Each ReLU is replaced by two lines over the interval that its input can take, so the tighter those intervals, the
tighter the margins. They come from intervals (CROWN-IBP: one pass back) or, layer by layer, from CROWN itself, met with
intervals.

Reference: Zhang et al. 2018, Efficient Neural Network Robustness Certification with General Activation Functions; Zhang
et al. 2020, Towards Stable and Efficient Training of Verifiably Robust Neural Networks (CROWN-IBP).
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from .boxes import Box, Norm, around
from .follow import followed
from .images import checked
from .interval import finished, margins
from .operation import Network, Relaxed
from .propagate import propagate
from .rounding import Claim, Rounding, rounding_of
from .rows import Rows, added, picks

Intermediate = Literal["interval", "crown"]
"""How the inputs of ReLU and max pooling are bounded."""
Arithmetic = Literal["float64", "float32"]

_MEMORY = 2**25
"""Bytes that one tensor of coefficients may take."""
_UNDERFLOW = 1e-20
"""Above what numbers too small for floats can add up to."""


def crown(
    model: nn.Module,
    x: Tensor,
    y: Tensor,
    norm: Norm,
    eps: float,
    *,
    intermediate: Intermediate = "crown",
    arithmetic: Arithmetic = "float64",
    claim: Claim = "exact",
) -> Tensor:
    """Lower bounds of the margins over the ball around each image, by CROWN; never below those of `interval`.

    The bound of class k is nowhere above logit y minus logit k, whatever was rounded on the way
    (see `claim`). An image is proved to stand where all are above 0.

    Args:
        model: any network that torch.fx can trace in eval mode; left as it was.
        x: images, float in [0, 1] or uint8, (batch, channels, height, width).
        y: true labels, int64 (batch,).
        norm: `linf` or `l2`; the ball is cut to [0, 1]. In l2 the better of the ball and its box counts for each class.
        eps: its radius, in pixels of [0, 1].
        intermediate: `crown` bounds each layer by CROWN and by intervals; `interval` by intervals alone, much faster.
        arithmetic: what bounds are computed in. float32 is faster and as sound; its own rounding costs some tightness.
        claim: `rounded` holds for the network as it runs in float32 too; see `rounding`.
    Returns:
        (batch, classes) in `arithmetic`; infinity at the true class, minus infinity where a bound is not finite.
    Raises:
        ModelError: an operation that has no bounds, by name.
        DataError: images outside [0, 1], or labels that do not fit.
    Reference:
        Zhang et al. 2018, Theorem 3.2 and sec. 3.3; Zhang et al. 2020, sec. 3 for `interval`.
    """
    x, y = checked(x, y, eps, norm)
    dtype = torch.float64 if arithmetic == "float64" else torch.float32
    network = followed(model, x, dtype)
    with torch.no_grad():
        rounding = rounding_of(model, dtype, claim)
        bounds = Backward(network, around(x.to(dtype), eps, norm, rounding), rounding)
        if intermediate == "crown":
            bounds.tighten()
        return finished(bounds.margins(y), y)


class Backward:
    """Boxes for every place of a network over one ball of images, and linear bounds pulled back over them."""

    def __init__(self, network: Network, images: Box, rounding: Rounding) -> None:
        self.network, self.rounding = network, rounding
        self.boxes = propagate(network, images, rounding)
        self._relaxed: dict[int, Relaxed] = {}

    def tighten(self) -> None:
        """Bound what ReLU and max pooling read by CROWN, and all that follows from it by intervals again."""
        exact = self._exact()
        for place, step in enumerate(self.network.steps, start=1):
            again = step.operation.interval([self.boxes[source] for source in step.inputs], self.rounding)
            self.boxes[place] = self.boxes[place].meet(again.low, again.high)
            readers = [step.operation for step in self.network.steps if place in step.inputs]
            open_to = [found for reader in readers if (found := reader.gains_from(self.boxes[place])) is not None]
            if open_to and place not in exact:
                self._tighten(place, torch.stack(open_to).any(0).any(0))

    def margins(self, y: Tensor) -> Tensor:
        """The better of CROWN and intervals for logit y minus every logit, (batch, classes)."""
        (classes,) = self.network.shape(self.network.output)
        own = torch.nn.functional.one_hot(y, classes)[None]
        other = torch.eye(classes, device=y.device, dtype=own.dtype)[:, None]
        rows = (own - other).to(self.boxes[0].low.dtype)
        found = [self.lower(self.network.output, Rows(part, (classes,))) for part in torch.split(rows, self._at_once())]
        return torch.maximum(torch.cat(found).T, margins(self.network, self.boxes, y, self.rounding))

    def lower(self, target: int, rows: Rows) -> Tensor:
        """Lower bounds (rows, batch) of linear functions of the tensor at a place."""
        pending = {target: [rows]}
        gains: list[Tensor] = []
        for place in range(target, 0, -1):
            if place not in pending:
                continue
            rows = self._merged(place, pending.pop(place), gains)
            relaxed = self._relax(place)
            if relaxed.noise is not None:
                gains.append(-rows.replaced(rows.values.abs()).times(relaxed.noise))
            before, gain = relaxed.backward(rows)
            if gain is not None:
                gains.append(gain)
            for source, part in zip(self.network.steps[place - 1].inputs, before):
                pending.setdefault(source, []).append(part)
        gains.append(self._least(self._merged(0, pending.pop(0), gains)))
        total, size = gains[0], gains[0].abs()
        for gain in gains[1:]:
            total, size = total + gain, size + gain.abs()
        slack = self.rounding.factor(0, len(gains)) * size + (_UNDERFLOW if self.rounding.own else 0.0)
        return (total - slack).expand(-1, len(self.boxes[0].low))

    def _tighten(self, place: int, wanted: Tensor) -> None:
        """Numbers that no image gains from are left as they are."""
        box, shape = self.boxes[place], self.network.shape(place)
        low, high = box.low.flatten(1).clone(), box.high.flatten(1).clone()
        for which, rows in picks(shape, max(1, self._at_once() // 2), wanted, low.dtype):
            both = self.lower(place, rows.replaced(torch.cat([rows.values, -rows.values])))
            low[:, which] = torch.maximum(low[:, which], both[: len(which)].T)
            high[:, which] = torch.minimum(high[:, which], -both[len(which) :].T)
        self.boxes[place] = Box(low.reshape(-1, *shape), high.reshape(-1, *shape), box.ball)

    def _least(self, rows: Rows) -> Tensor:
        """The least value over the images, (rows, batch): over their box, and over their ball where that is better.

        Reference: Zhang et al. 2018, eq. 8 and Corollary 3.3 (the dual norm).
        """
        box = self.boxes[0]
        size = rows.replaced(rows.values.abs())
        slack = self.rounding.factor(0, box.low[0].numel()) * size.times(torch.ones_like(box.low))
        least = rows.times(box.centre) - size.times(box.radius)
        if box.ball is not None:
            reach = (rows.values * rows.window(box.ball.scale)).flatten(2).norm(dim=2)
            reach = reach * (1 + self.rounding.factor(0, box.low[0].numel()))
            least = torch.maximum(least, rows.times(box.ball.centre) - reach)
        return least - slack

    def _merged(self, place: int, parts: list[Rows], gains: list[Tensor]) -> Rows:
        """What all readers of a tensor make of it."""
        rows = parts[0]
        for part in parts[1:]:
            rows = added(rows, part)
        if len(parts) > 1 and self.rounding.own:
            size = rows.replaced(rows.values.abs()).times(self.boxes[place].magnitude)
            gains.append(-self.rounding.factor(0, len(parts) + self.boxes[place].low[0].numel()) * size)
        return rows

    def _relax(self, place: int) -> Relaxed:
        """Over the boxes of its inputs, which lie before any place that is still to be tightened."""
        if place not in self._relaxed:
            step = self.network.steps[place - 1]
            boxes = [self.boxes[source] for source in step.inputs]
            self._relaxed[place] = step.operation.relax(boxes, self.rounding)
        return self._relaxed[place]

    def _exact(self) -> set[int]:
        """Places whose boxes no linear bound can better: behind at most one step that mixes numbers, in linf."""
        if self.boxes[0].ball is not None:
            return set()
        mixed = [0]
        for step in self.network.steps:
            mixed.append(step.operation.mixes + sum(mixed[source] for source in step.inputs))
        return {place for place, count in enumerate(mixed) if count <= 1}

    def _at_once(self) -> int:
        """Rows at a time, so that their coefficients of the largest tensor fit into the memory."""
        images = self.boxes[0].low
        largest = max(math.prod(self.network.shape(place)) for place in range(len(self.boxes)))
        return max(1, _MEMORY // (images.element_size() * len(images) * largest))
