"""Statements about pruning curves: one network at many rates, each compared with its own smallest rate.

A curve keeps for each rate how many images it gained and lost, so that comparisons are paired as everywhere else.
"""

from typing import ClassVar, Literal

from pydantic import Field

from ..values import Count, Rate, value
from .answers import Answers, Curves, Place
from .findings import Finding, Names, Percent, Rates, Sentence, enough, more, no_less, places
from .sweeps import ROUNDING, in_percent


@value
class Stays:
    """Along each of the curves `metrics`, accuracy stays within `points` of the smallest rate, at every rate to `upto`.

    Of untouched images; with `layers`, where only one of these layers is pruned.
    """

    measure: ClassVar[str] = "pruning_curve"
    kind: Literal["stays"] = "stays"
    text: Sentence
    rows: Names
    metrics: Names
    """Measures of kind pruning_curve."""
    upto: Rate = Field(gt=0)
    points: Percent
    layers: tuple[str, ...] = ()

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return places(self.rows, self.metrics)

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the 95 % intervals at all these rates stay above -points; no when a difference itself does not."""
        found: list[Finding] = []
        for place in self.places(rates):
            curves = answers.curves[place]
            for layer in _layers(curves, self.layers):
                name = _name(place, layer)
                curve = curves.get((layer, None), [])
                held = [(rate, test) for rate, test in curve if rate <= self.upto + ROUNDING]
                if not held or max(rate for rate, _ in curve) < self.upto - ROUNDING:
                    found.append((None, f"{name}: not measured up to {in_percent(self.upto)}"))
                    continue
                rate, worst = min(held, key=lambda at: at[1].low)
                holds, said = no_less(worst, self.points)
                if any(100 * test.difference < -self.points for _, test in held):
                    holds = False
                found.append((holds, f"{name}: lowest at {in_percent(rate)}, {said}"))
        return found


@value
class Rises:
    """Along each of the curves `metrics`, accuracy under a noise rises by more than `by` points before it falls on
    untouched images by more than `points`.

    For each noise the rate is looked at that does best, of those at which untouched images are within `points`. Since
    it is picked for being best, its interval is a little too good.
    """

    measure: ClassVar[str] = "pruning_curve"
    kind: Literal["rises"] = "rises"
    text: Sentence
    rows: Names
    metrics: Names
    """Measures of kind pruning_curve."""
    points: Percent
    by: Percent = 0.0
    fewest: Count | None = None
    """Under how many of all noises at least; by default under all."""
    layers: tuple[str, ...] = ()
    """Where only one of these layers is pruned."""

    def places(self, rates: Rates) -> list[Place]:
        """Everything it speaks of."""
        return places(self.rows, self.metrics)

    def decide(self, answers: Answers, rates: Rates) -> list[Finding]:
        """Yes when the 95 % interval of the rise stays above `by`; no when the rise itself does not."""
        found: list[Finding] = []
        for place in self.places(rates):
            curves = answers.curves[place]
            for layer, noise in curves:
                if noise is None or layer not in _layers(curves, self.layers):
                    continue
                natural = dict(curves.get((layer, None), []))
                held = [
                    (rate, test)
                    for rate, test in curves[layer, noise]
                    if rate in natural and 100 * natural[rate].difference >= -self.points - ROUNDING
                ]
                rate, best = max(held, key=lambda at: at[1].difference)
                holds, said = more(best, self.by)
                found.append((holds, f"{_name(place, layer)}, noise {noise}: {said} at {in_percent(rate)}"))
        return enough(found or [(None, "there is no noise in these curves")], self.fewest)


def _layers(curves: Curves, asked: tuple[str, ...]) -> list[str | None]:
    there = list(dict.fromkeys(layer for layer, _ in curves))
    return [layer for layer in there if layer in asked] if asked else there


def _name(place: Place, layer: str | None) -> str:
    return ", ".join((*place, *([layer] if layer else [])))
