"""Statements about pruning curves: one network at many rates, each compared with its own smallest rate.

A curve keeps for each rate how many images it gained and lost, so that comparisons are paired as everywhere else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ..results import Difference, Place, PruningCurveRecord, Record, compare
from ..values import Count, Rate, value
from .evidence import Evidence
from .finding import Finding, Percent, gained, no_less, together
from .statement import About, places
from .sweeps import ROUNDING, in_percent

Curves = Mapping[tuple[str | None, str | None], list[tuple[float, Difference]]]
"""(layer, noise) -> for each rate, the difference from the smallest one; None: all layers, and untouched images."""


@value
class Stays(About):
    """Along each of the curves `metrics`, accuracy stays within `points` of the smallest rate, at every rate to `upto`.

    Of untouched images; with `layers`, where only one of these layers is pruned.
    """

    record: ClassVar[type[Record]] = PruningCurveRecord
    kind: Literal["stays"] = "stays"
    upto: Rate = Field(gt=0)
    points: Percent
    layers: tuple[str, ...] = ()

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when the 95 % intervals at all these rates stay above -points; no when one of them stays below, corrected
        for how many rates there are.
        """
        found: list[Finding] = []
        for place in places(self.rows, self.metrics):
            curves = curves_of(evidence, place)
            for layer in _layers(curves, self.layers):
                name = _name(place, layer)
                curve = curves.get((layer, None), [])
                held = [(rate, test) for rate, test in curve if rate <= self.upto + ROUNDING]
                if not held or max(rate for rate, _ in curve) < self.upto - ROUNDING:
                    found.append(Finding.of(None, f"{name}: not measured up to {in_percent(self.upto)}"))
                    continue
                rate, worst = min(held, key=lambda at: at[1].low)
                whole = together([no_less(test, self.points) for _, test in held])
                found.append(replace(whole, text=f"{name}: lowest at {in_percent(rate)}, {gained(worst)}"))
        return found


@value
class Rises(About):
    """Along each of the curves `metrics`, accuracy under a noise rises before that of untouched images falls.

    That is, there is a rate at which it has risen by more than `by` points while untouched images lose no more than
    `points`. Every rate is a try: p-values are multiplied by their number, and the interval of the rate that does best
    is wider in proportion.
    """

    record: ClassVar[type[Record]] = PruningCurveRecord
    kind: Literal["rises"] = "rises"
    points: Percent
    by: Percent = 0.0
    fewest: Count | None = None
    """Under how many of all noises at least; by default under all."""
    layers: tuple[str, ...] = ()
    """Where only one of these layers is pruned."""

    def decide(self, evidence: Evidence) -> list[Finding]:
        """Yes when at some rate the interval of the rise stays above `by` and that of untouched images above -points,
        corrected for how many rates there are. No when at every rate one of the two is contradicted.
        """
        found: list[Finding] = []
        for place in places(self.rows, self.metrics):
            curves = curves_of(evidence, place)
            for layer, noise in curves:
                if noise is None or layer not in _layers(curves, self.layers):
                    continue
                natural = dict(curves.get((layer, None), []))
                tried = [(rate, test, natural[rate]) for rate, test in curves[layer, noise] if rate in natural]
                said = self._best(tried)
                found.append(replace(said, text=f"{_name(place, layer)}, noise {noise}: {said.text}"))
        return [together(found, self.fewest)] if found else [Finding.of(None, "there is no noise in these curves")]

    def _best(self, tried: Sequence[tuple[float, Difference, Difference]]) -> Finding:
        """The rate that does best, of (rate, change under the noise, change of untouched images)."""
        by, least, count = self.by / 100, -self.points / 100, len(tried)
        yes = [max(risen.above(by), natural.at_least(least)) for _, risen, natural in tried]
        no = [min(1.0, 2 * min(risen.at_most(by), natural.below(least))) for _, risen, natural in tried]
        best = min(range(count), key=lambda at: (yes[at], -tried[at][1].value))
        rate, risen, _ = tried[best]
        said = f"{gained(risen, 1 - 0.05 / count)} at {in_percent(rate)}, the best of {count} rates"
        return Finding(min(1.0, count * yes[best]), max(no), said)


def curves_of(evidence: Evidence, place: Place) -> Curves:
    """The curves of a place, at the rates that all seeds have, from the smallest to the largest."""
    found: dict[tuple[str | None, str | None], dict[float, list[PruningCurveRecord]]] = {}
    for records in evidence.records(PruningCurveRecord, place):
        for record in records:
            found.setdefault((record.layer, record.noise), {}).setdefault(record.rate, []).append(record)
    seeds = evidence.grid.seeds
    return {
        name: [(rate, _moved(held, seeds)) for rate, held in sorted(curve.items()) if len(held) == len(seeds)]
        for name, curve in found.items()
    }


def _moved(records: Sequence[PruningCurveRecord], seeds: Sequence[int]) -> Difference:
    """A rate minus the smallest one, from how many images each seed gained and lost.

    Which images they are is not kept. Of several seeds they are taken to be the same ones, which gives the widest
    interval that there can be.
    """
    images = min(record.n for record in records)
    at = np.arange(images)
    ours = np.stack([at < record.gained for record in records])
    theirs = np.stack([at >= images - record.lost for record in records])
    return compare(ours, theirs, seeds=seeds)


def _layers(curves: Curves, asked: tuple[str, ...]) -> list[str | None]:
    there = list(dict.fromkeys(layer for layer, _ in curves))
    return [layer for layer in there if layer in asked] if asked else there


def _name(place: Place, layer: str | None) -> str:
    return ", ".join((*place, *([layer] if layer else [])))
