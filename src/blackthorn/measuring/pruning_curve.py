"""Accuracy against how much is pruned: one network, every rate, clean and under every noise, in one go.

Nothing is trained in between and all rates score the unpruned network, so that what a larger rate removes includes what
a smaller one removes. Each weight therefore has one number, the rate at which it goes, and a curve is one walk along
the rates for each set of images. Where only a part of the network is pruned, what lies before it runs once.
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from ..attacks import UniversalNoise
from ..data import Splits
from ..errors import DataError
from ..pruning import AnyCriterion, Masks, wanted
from ..pruning.allocation import Scope, chosen
from ..pruning.prune import masks_by
from ..results import PruningCurveRecord
from ..results.statistics import wilson
from ..types import Progress
from ..values import Count, Rate, parse, value
from .accuracy import evenly, pixels
from .measure import Measure, Measurement, Subject, check_targets
from .sources import SourceNetwork
from .walk import Walk

_ROUNDING = 1e-9  # 0.07 - 0.07 is not always 0


@value
class PruningCurve(Measure):
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
        if len({wanted(one) for one in (self.criterion, self.also) if one is not None} - {None}) > 1:
            raise ValueError("also: both criteria look at the same images; write the same images and source")

    @property
    def rates(self) -> list[float]:
        """Every rate, from the smallest to the largest."""
        count = int((self.last - self.first) / self.step + 1e-9) + 1
        return [round(self.first + i * self.step, 10) for i in range(count)]

    @property
    def looks_at(self) -> AnyCriterion | None:
        """The criterion that says which images are scored on; None if neither looks at any."""
        asked = [one for one in (self.criterion, self.also) if one is not None and wanted(one)]
        return asked[0] if asked else None

    @property
    def scores_on(self) -> AnyCriterion | None:
        """The criterion that says which images are scored on; None if neither looks at any."""
        return self.looks_at

    def effort(self, images: int) -> float:
        """Every image is seen at every rate, as it is and under every noise."""
        return float(images * (1 + len(self.noises)) * len(self.rates))

    def check(self, splits: Splits) -> None:
        """Raises DataError where a noise aims at a class that there is not."""
        check_targets(self.noises, splits)

    def measure(self, subject: Subject, *, progress: Progress | None = None) -> Measurement:
        """A record for every curve, set of images and rate."""
        found = self(
            subject.model,
            subject.x,
            subject.y,
            scored_on=subject.scored_on,
            noises=subject.noises,
            progress=progress,
        )
        return Measurement([parse(PruningCurveRecord, record) for record in found])

    def __call__(
        self,
        model: nn.Module,
        x: Tensor,
        y: Tensor,
        *,
        scored_on: tuple[Tensor, Tensor | None] | None = None,
        noises: Sequence[Tensor] = (),
        progress: Progress | None = None,
    ) -> list[dict[str, object]]:
        """A record for each curve, set of images and rate.

        Args:
            model: left as it was.
            x: images to measure on, uint8 or float32 in [0, 1], (n, channels, height, width).
            y: their true labels, int64 (n,).
            scored_on: images and labels for criteria that need them.
            noises: what `self.noises` have made, in that order, each (channels, height, width).
            progress: called with ("pruning curve", rates done, rates).
        Returns:
            Flat objects: `criterion`, `also`, `layer` (None: all of them), `rate`, `sparsity` (of all convolution and
            linear weights, with what either criterion removes), `noise` ("3, 0.25" for class and limit; None:
            untouched), `value` with its 95 % interval and `n`, `gained` and `lost` (images that are right here and
            were wrong at the smallest rate, and the other way round), `targeted_success`, `highest`, and `warnings`
            about the noise.
        Raises:
            DataError: no images, not as many labels as images, or not as many noises as `self.noises`.
            PruningError: no such layer, or a criterion without the images that it needs.
        """
        if len(x) != len(y) or not len(x):
            raise DataError(f"{len(x)} images with {len(y)} labels; give one label for each image")
        if len(noises) != len(self.noises):
            raise DataError(f"{len(noises)} noises for {len(self.noises)}; make each: noise = attack(model, x_train)")
        index = evenly(len(x), self.n_max)
        device = next((tensor.device for tensor in model.parameters()), x.device)
        x, y = pixels(x[index.to(x.device)].to(device)), y[index.to(y.device)].to(device).long()
        lines = self._lines(model, scored_on, example=x[:1])
        total = len(lines) * (1 + len(noises)) * len(self.rates)
        found: list[dict[str, object]] = []
        for layer, walk in lines:
            curve: list[dict[str, object]] = []
            zeros = walk.zeros
            for noise, made in zip((None, *self.noises), (None, *noises)):
                images = x if noise is None or made is None else noise.apply(made, x)
                doubts = [] if noise is None or made is None else noise.reservations(made)
                before: Tensor | None = None
                for rate, share, said in zip(self.rates, zeros, walk.answers(images, self.batch_size)):
                    right = said == y
                    before = right if before is None else before
                    curve.append(self._record(layer, rate, share, noise, said, y))
                    curve[-1] |= {
                        "gained": int((right & ~before).sum()),
                        "lost": int((before & ~right).sum()),
                        "warnings": doubts,
                    }
                    if progress is not None:
                        progress("pruning curve", len(found) + len(curve), total)
            found += _marked(curve, self.keeps)
        return found

    def _lines(
        self, model: nn.Module, scored_on: tuple[Tensor, Tensor | None] | None, example: Tensor
    ) -> list[tuple[str | None, Walk]]:
        """Each curve: its layer, or None for all of them together, and when each weight goes."""
        x, y = (None, None) if scored_on is None else scored_on
        prunings = [(self.criterion, 0.0)] + ([] if self.also is None else [(self.also, self.offset)])
        scored = [(criterion(model, x, y), criterion.granularity, less) for criterion, less in prunings]

        def walk(layers: tuple[str, ...]) -> Walk:
            def masks(rate: float) -> list[Masks]:
                return [
                    masks_by(
                        model,
                        scores,
                        granularity=granularity,
                        sparsity=rate - less,
                        scope=self.scope,
                        floor=0,
                        layers=layers,
                        x=example,
                    )
                    for scores, granularity, less in scored
                    if rate - less > _ROUNDING
                ]

            return Walk(model, self.rates, masks)

        if not self.each_layer:
            return [(None, walk(self.layers))]
        names = chosen(scored[0][0], self.layers)
        return [(layer, walk((layer,))) for layer in (name.rpartition(".")[0] for name in names)]

    def _record(
        self,
        layer: str | None,
        rate: float,
        zeros: float,
        noise: UniversalNoise | None,
        said: Tensor,
        y: Tensor,
    ) -> dict[str, object]:
        right, n = int((said == y).sum()), len(y)
        low, high = wilson(right, n)
        others = y != (-1 if noise is None else noise.target)
        return {
            "measure": self.kind,
            "criterion": self.criterion.kind,
            "also": None if self.also is None else self.also.kind,
            "layer": layer,
            "rate": rate,
            "sparsity": zeros,
            "noise": None if noise is None else f"{noise.target}, {noise.limit:g}",
            "target": None if noise is None else noise.target,
            "limit": None if noise is None else noise.limit,
            "value": right / n,
            "low": low,
            "high": high,
            "n": n,
            "targeted_success": None if noise is None or not others.any() else _share(said[others] == noise.target),
            "highest": False,
        }


def _share(flags: Tensor) -> float:
    return flags.float().mean().item()


def _marked(curve: list[dict[str, object]], keeps: float) -> list[dict[str, object]]:
    """The records of a curve, those of the highest rate at which untouched images keep the accuracy marked."""
    rates = [float(str(one["rate"])) for one in curve if one["noise"] is None and float(str(one["value"])) >= keeps]
    highest = max(rates, default=None)
    return [{**one, "highest": one["rate"] == highest} for one in curve]
