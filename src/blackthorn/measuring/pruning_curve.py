"""Accuracy against how much is pruned: one network, every rate, clean and under every noise, in one go.

Nothing is trained in between and all rates score the unpruned network, so that what a larger rate removes includes what
a smaller one removes. Each weight therefore has one number, the rate at which it goes, and a curve is one walk along
the rates for each set of images. Where only a part of the network is pruned, what lies before it runs once.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from ..attacks import UniversalNoise
from ..data import Pixels, pixels, taken
from ..errors import DataError
from ..models import device_of
from ..pruning import AnyCriterion, Masks, Pruning, masks_by_scores
from ..pruning.allocation import Scope, in_layers
from ..pruning.layers import prunable_weights
from ..resources import WithResources
from ..results import PruningCurveRecord, wilson
from ..types import Progress
from ..values import Count, Rate, value
from .blocks import blocks
from .images import evenly, how_many
from .measure import Measure, Measurement, Subject
from .sources import SourceNetwork
from .walk import Walk, passes

_SOME = 0.5  # any rate
_ROUNDING = 1e-9  # 0.07 - 0.07 is not always 0


@value
class PruningCurve(WithResources, Measure):
    """Accuracy at every rate of pruning, of untouched images and of images under universal noises.

    Rates are evaluated after pruning; the PARANA blog's notebook evaluates before, which shifts its curves by one step.
    With `also`, what either criterion removes goes: at rate p the first removes p, and the second max(p - offset, 0).
    No layer is kept from being emptied.

    Reference: Gannon 2018, Pruning neural networks and adversarial noise, the plots; its combination is 7 % apart.
    """

    kind: Literal["pruning_curve"] = "pruning_curve"
    criterion: AnyCriterion
    also: AnyCriterion | None = None
    """A second criterion, which scores the same unpruned network from the same images."""
    offset: Rate = 0.07
    """How much less the second one removes."""
    scope: Scope = "per_layer"
    """Remove the same fraction in each layer, or rank all layers together."""
    layers: tuple[str, ...] = ()
    """Prune these layers only, by name or pattern; by default all that the criterion scores."""
    each_layer: bool = False
    """A curve for each of the layers, with the others whole, instead of one for all of them."""
    first: Rate = 0.0
    """The smallest rate."""
    last: Rate = 0.99
    """The largest rate."""
    step: Rate = 0.01
    keeps: Rate = 0.98
    """Natural accuracy to keep: the records of the highest rate that keeps it are marked `highest`."""
    noises: tuple[UniversalNoise, ...] = ()
    """What else to add to the images; each is made once, on the unpruned network, and kept for all rates."""
    source: SourceNetwork | None = None
    """The network that the noises are made on, where it is another: a transfer."""
    n_max: Count | None = None
    """Measure only this many images, evenly spread over the set."""
    batch_size: Count = 1000
    """Images at a time."""

    def __post_init__(self) -> None:
        if not self.first <= self.last < 1 or not self.step:
            raise ValueError("rates go from first to last, below 1, by a step above 0")
        if self.source is not None and not self.noises:
            raise ValueError("source: there is no noise to make on it; add noises, or leave source out")
        if len({one.wants for one in (self.criterion, self.also) if one is not None} - {None}) > 1:
            raise ValueError("also: both criteria look at the same images; write the same images and source")

    @property
    def rates(self) -> list[float]:
        """Every rate, from the smallest to the largest."""
        count = int((self.last - self.first) / self.step + 1e-9) + 1
        return [round(self.first + i * self.step, 10) for i in range(count)]

    @property
    def scores_on(self) -> AnyCriterion | None:
        """The criterion that says which images are scored on; None if neither looks at any."""
        asked = [one for one in (self.criterion, self.also) if one is not None and one.wants]
        return asked[0] if asked else None

    def __call__(
        self,
        model: nn.Module,
        x: Pixels,
        y: Tensor,
        *,
        scored_on: tuple[Tensor, Tensor | None] | None = None,
        noises: Sequence[Tensor] = (),
        progress: Progress | None = None,
    ) -> list[PruningCurveRecord]:
        """A record for each curve, set of images and rate.

        Args:
            model: left as it was.
            x: images to measure on, uint8 or float32 in [0, 1], (n, channels, height, width).
            y: their true labels, int64 (n,).
            scored_on: images and labels for criteria that need them.
            noises: what `self.noises` have made, in that order, each (channels, height, width).
            progress: called with ("pruning curve", rates done, rates).
        Raises:
            DataError: no images, not as many labels as images, or not as many noises as `self.noises`.
            PruningError: no such layer, or a criterion without the images that it needs.
        """
        if len(x) != len(y) or not len(x):
            raise DataError(f"{len(x)} images with {len(y)} labels; give one label for each image")
        if len(noises) != len(self.noises):
            raise DataError(f"{len(noises)} noises for {len(self.noises)}; make each: noise = attack(model, x_train)")
        index = evenly(len(x), self.n_max)
        device = device_of(model, x.device)
        x, y = taken(x, index.to(x.device)).to(device), y[index.to(y.device)].to(device).long()
        lines = self._lines(model, scored_on, example=pixels(x[:1]))
        done, total = 0, len(lines) * (1 + len(noises)) * len(self.rates) * len(blocks(x, self.batch_size))
        found: list[PruningCurveRecord] = []
        for layer, walk in lines:
            curve: list[PruningCurveRecord] = []
            zeros = walk.zeros
            for noise, made in zip((None, *self.noises), (None, *noises)):
                said: list[list[Tensor]] = [[] for _ in self.rates]
                for block in blocks(x, self.batch_size):
                    images = pixels(x[block]) if noise is None or made is None else noise.apply(made, x[block])
                    for at_rate, labels in zip(reversed(said), walk.answers(images, self.batch_size)):
                        at_rate.append(labels)
                        done += 1
                        if progress is not None:
                            progress("pruning curve", done, total)
                doubts = [] if noise is None or made is None else noise.reservations(made)
                before = torch.cat(said[0]) == y
                for rate, share, at_rate in zip(self.rates, zeros, said):
                    record = self._record(layer, rate, share, noise, torch.cat(at_rate), y, before)
                    curve.append(replace(record, warnings=tuple(doubts)))
            found += _marked(curve, self.keeps)
        return found

    def check_network(self, model: nn.Module) -> None:
        """Raises PruningError where `layers` names one that is not scored."""
        self._pruning(self.criterion, _SOME, self.layers).check_layers(model)

    def effort(self, images: int) -> float:
        """Every image at each rate, untouched and under each noise."""
        return float(how_many(images, self.n_max) * (1 + len(self.noises)) * len(self.rates))

    def passes(self, model: nn.Module, example: Tensor) -> float:
        """Less than one where what lies before the pruned layers runs once; a sum where each layer has its curve."""
        names = in_layers(prunable_weights(model), self.layers)
        lines = [{name} for name in names] if self.each_layer else [set(names)]
        return sum(passes(model, line, len(self.rates), example) for line in lines)

    def measure(self, subject: Subject, *, progress: Progress | None = None) -> Measurement:
        """A record for each curve, set of images and rate."""
        return Measurement(
            self(
                subject.model,
                subject.x,
                subject.y,
                scored_on=subject.scored_on,
                noises=subject.noises,
                progress=progress,
            )
        )

    def _lines(
        self, model: nn.Module, scored_on: tuple[Tensor, Tensor | None] | None, example: Tensor
    ) -> list[tuple[str | None, Walk]]:
        """Each curve: its layer, or None for all of them together, and when each weight goes."""
        x, y = (None, None) if scored_on is None else scored_on
        prunings = [(self.criterion, 0.0)] + ([] if self.also is None else [(self.also, self.offset)])
        scored = [(criterion, criterion(model, x, y), less) for criterion, less in prunings]

        def walk(layers: tuple[str, ...]) -> Walk:
            def masks(rate: float) -> list[Masks]:
                return [
                    masks_by_scores(model, self._pruning(criterion, rate - less, layers), scores, x=example)
                    for criterion, scores, less in scored
                    if rate - less > _ROUNDING
                ]

            return Walk(model, self.rates, masks)

        if not self.each_layer:
            return [(None, walk(self.layers))]
        names = in_layers(scored[0][1], self.layers)
        return [(layer, walk((layer,))) for layer in (name.rpartition(".")[0] for name in names)]

    def _pruning(self, criterion: AnyCriterion, rate: float, layers: tuple[str, ...]) -> Pruning:
        return Pruning(criterion=criterion, sparsity=rate, scope=self.scope, floor=0, layers=layers)

    def _record(
        self,
        layer: str | None,
        rate: float,
        zeros: float,
        noise: UniversalNoise | None,
        said: Tensor,
        y: Tensor,
        before: Tensor,
    ) -> PruningCurveRecord:
        """One point; `said` is what the network answers, `before` which images are right at the smallest rate."""
        right = said == y
        count, n = int(right.sum()), len(y)
        low, high = wilson(count, n)
        record = PruningCurveRecord(
            criterion=self.criterion.kind,
            also=None if self.also is None else self.also.kind,
            layer=layer,
            rate=rate,
            sparsity=zeros,
            value=count / n,
            low=low,
            high=high,
            n=n,
            gained=int((right & ~before).sum()),
            lost=int((before & ~right).sum()),
        )
        if noise is None:
            return record
        others = y != noise.target
        taken = (said[others] == noise.target).float().mean().item() if others.any() else None
        return replace(record, noise=noise.name, target=noise.target, limit=noise.limit, targeted_success=taken)


def _marked(curve: list[PruningCurveRecord], keeps: float) -> list[PruningCurveRecord]:
    """The records of a curve, those of the highest rate at which untouched images keep the accuracy marked."""
    highest = max((one.rate for one in curve if one.noise is None and one.value >= keeps), default=None)
    return [replace(one, highest=one.rate == highest) for one in curve]
