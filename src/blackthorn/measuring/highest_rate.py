"""How far a network can be pruned: the highest rate that keeps a stated accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from ..pruning import AnyCriterion
from ..pruning.allocation import Scope
from ..results import PruningCurveRecord
from ..types import Progress
from .pruning_curve import PruningCurve


@dataclass(frozen=True)
class Highest:
    """What was found, and the curve that it was found on."""

    rate: float | None
    """None: no rate keeps it, not even the smallest that was tried."""
    accuracy: float | None
    sparsity: float | None
    """Of all convolution and linear weights."""
    curve: Sequence[PruningCurveRecord]
    """The records of `PruningCurve`, without noises."""


def highest_rate(
    model: nn.Module,
    criterion: AnyCriterion,
    x: Tensor,
    y: Tensor,
    *,
    accuracy: float = 0.98,
    also: AnyCriterion | None = None,
    offset: float = 0.07,
    scope: Scope = "per_layer",
    layers: Sequence[str] = (),
    first: float = 0.01,
    last: float = 0.99,
    step: float = 0.01,
    scored_on: tuple[Tensor, Tensor | None] | None = None,
    progress: Progress | None = None,
) -> Highest:
    """The highest rate at which a network still reads at least `accuracy` of these images right; nothing is retrained.

    Every rate is tried, since accuracy does not fall monotonously and halving intervals could stop below the highest.
    A rate that is chosen on test images is too good by a little on the same images: choose on validation images.

    Args:
        model: left as it was.
        criterion: what goes first.
        x: images to judge by, uint8 or float32 in [0, 1], (n, channels, height, width).
        y: their labels, int64 (n,).
        accuracy: what is to be kept, a fraction.
        also: a second criterion, whose removals are added, at `offset` less.
        offset: see `PruningCurve`.
        scope: the same rate in each layer, or one ranking over all.
        layers: prune these only, by name or pattern.
        first: the smallest rate to try.
        last: the largest.
        step: between them.
        scored_on: images and labels for criteria that need them, other than those judged by.
        progress: called with ("pruning curve", rates done, rates).

    Reference: Gannon 2018, "Best performance", by trial and error at 98.0 %.
    """
    curve = PruningCurve(
        criterion=criterion,
        also=also,
        offset=offset,
        scope=scope,
        layers=tuple(layers),
        first=first,
        last=last,
        step=step,
        keeps=accuracy,
    )
    records = curve(model, x, y, scored_on=scored_on, progress=progress)
    best = next((record for record in records if record.highest), None)
    if best is None:
        return Highest(None, None, None, records)
    return Highest(best.rate, best.value, best.sparsity, records)
