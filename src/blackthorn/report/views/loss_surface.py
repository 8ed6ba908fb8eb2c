"""Loss surfaces: filled contours and their two cross-sections, all networks in one scale, and `loss-surface.csv`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...results import Cell, Estimate, LossSurfaceRecord, estimate
from ..charts import (
    LINES,
    SHADES,
    Chart,
    Panel,
    Point,
    Spec,
    bands,
    contour_panel,
    curve_panel,
    filled,
    levels,
    next_round,
    round_ticks,
)
from ..csv_text import csv_text, listed
from ..families import featured, networks
from ..page import Page
from ..template import fill
from ..words import percent, radius
from .view import View

_ROWS = 9  # panels that fit on a page
_HEADER = ("row", "metric", "along", "across", "loss", "n", "seeds")
_ALONG, _ACROSS = "along the gradient's sign", "along a random direction"
_WIDE = 20.0
"""Losses whose largest is more than this many times the smallest are drawn against a logarithmic axis."""
_LOSSES = {"ce": "cross-entropy", "margin": "margin"}


@dataclass(frozen=True)
class Surface:
    """The surface of one network by one measure, the mean over its seeds."""

    row: str
    metric: str
    rise: Estimate
    first: LossSurfaceRecord
    """Of the first seed, for what all seeds share."""
    losses: Sequence[Sequence[float]]
    still: float
    """Share of the images without a gradient."""

    @property
    def middle(self) -> int:
        """The row, and the column, without a move."""
        return len(self.losses) // 2

    @property
    def centre(self) -> float:
        """The loss at the images."""
        return self.losses[self.middle][self.middle]

    @property
    def along(self) -> Sequence[float]:
        """The losses along the gradient's sign alone."""
        return [row[self.middle] for row in self.losses]

    @property
    def across(self) -> Sequence[float]:
        """The losses along the random direction alone."""
        return self.losses[self.middle]


def view(page: Page) -> View | None:
    """None where no surface is measured."""
    found = surfaces(page)
    if not found:
        return None
    metrics = list(dict.fromkeys(one.metric for one in found))
    charts = []
    for place, metric in enumerate(metrics):
        ours = [one for one in found if one.metric == metric]
        drawn = [row.name for row in featured([r for r in networks(page) if any(o.row == r.name for o in ours)], _ROWS)]
        shown = [one for one in ours if one.row in drawn]
        ending = f"-{place + 1}" if len(metrics) > 1 else ""
        charts += [_contours(metric, ending, shown, len(ours)), _sections(metric, ending, shown)]
    html = fill("views/loss_surface.html", charts=charts, lines=[_line(one) for one in found], n=found[0].first.n)
    files = {"loss-surface.csv": surface_csv(found)}
    title = "How the loss lies around the images"
    return View("loss-surface", title, html=html, nav="Loss surface", charts=charts, files=files)


def surfaces(page: Page) -> list[Surface]:
    """Every network by every measure of a surface, in the order of the page."""
    places = page.grid.of(LossSurfaceRecord)
    return [_joined(*at, places[at]) for at in sorted(places, key=lambda at: page.rows.index(at[0]))]


def surface_csv(found: Sequence[Surface]) -> str:
    """A line for each point of each surface; moves in pixels of [0, 1]."""
    lines = (
        [one.row, one.metric, f"{a:.6g}", f"{b:.6g}", f"{loss:.6g}", str(one.rise.n), listed(one.rise.seeds)]
        for one in found
        for a, row in zip(one.first.moves, one.losses)
        for b, loss in zip(one.first.moves, row)
    )
    return csv_text(_HEADER, lines)


def _joined(row: str, metric: str, cells: Sequence[Cell[LossSurfaceRecord]]) -> Surface:
    rise, records = estimate(cells), [cell.record for cell in cells]
    assert rise is not None  # there is a cell
    losses = np.mean([record.surface for record in records], axis=0).tolist()
    return Surface(row, metric, rise, records[0], losses, float(np.mean([record.still for record in records])))


def _contours(metric: str, ending: str, shown: Sequence[Surface], measured: int) -> Chart:
    numbers = [loss for one in shown for row in one.losses for loss in row]
    borders = levels(min(numbers), max(numbers))
    series = bands(borders)
    eps = shown[0].first.eps
    panels = []
    for one in shown:
        points = filled(one.losses, one.first.moves, borders)
        spec = contour_panel(points, series, x_title=_ACROSS, y_title=_ALONG, ticks=_ticks(one.first.eps))
        panels.append(Panel(one.row, f"Loss surface of {one.row}: {_told(one)}", points, spec))
    loss = _LOSSES.get(shown[0].first.loss, shown[0].first.loss)
    caption = (
        f"Mean {loss} of {shown[0].first.n} test images that are moved by up to {radius(eps)}; the cross is the images "
        "as they are. All panels share one scale."
    )
    if len(shown) < measured:
        caption += f" {len(shown)} of {measured} networks are drawn; the table has them all."
    title = f"Loss surfaces: {metric}"
    return Chart(f"loss-surface{ending}", title, caption, series, panels, SHADES, table="loss-surface.csv")


def _sections(metric: str, ending: str, shown: Sequence[Surface]) -> Chart:
    series = [one.row for one in shown]
    cuts: tuple[tuple[str, Callable[[Surface], Sequence[float]]], ...] = (
        (_ALONG, lambda one: one.along),
        (_ACROSS, lambda one: one.across),
    )
    scale, axis, least = _loss_axis([loss for one in shown for _, cut in cuts for loss in cut(one)])
    panels = []
    for words, cut in cuts:
        points: list[Point] = [
            {"series": one.row, "x": round(at, 7), "value": max(loss, least), "shown": f"{loss:.3g}"}
            for one in shown
            for at, loss in zip(one.first.moves, cut(one))
        ]
        spec = curve_panel(
            points,
            series,
            x_title=f"move {words}",
            x_axis=_ticks(shown[0].first.eps),
            y_title="loss",
            y_scale=scale,
            y_axis=axis,
            tips={"series": "network", "x": "move", "shown": "loss"},
        )
        told = "; ".join(f"{one.row} from {cut(one)[one.middle]:.3g} to {max(cut(one)):.3g}" for one in shown)
        panels.append(
            Panel(words.capitalize(), f"The loss {words}, from the images to its highest: {told}.", points, spec)
        )
    caption = "The two lines through the cross of each panel above, in one scale."
    title = f"Cross-sections of the loss surfaces: {metric}"
    return Chart(f"loss-sections{ending}", title, caption, series, panels, LINES, table="loss-surface.csv")


def _ticks(eps: float) -> Spec:
    """Ticks at -eps, 0 and eps, and at the halves, written as in a recipe."""
    values = [eps * part / 2 for part in range(-2, 3)]
    spelled = " : ".join(
        f"abs(datum.value - {at!r}) < 1e-9 ? '{'−' * (at < 0)}{radius(abs(at))}'" for at in (values[0], 0.0, values[-1])
    )
    return {"values": values, "labelExpr": f"{spelled} : ''"}


def _loss_axis(losses: Sequence[float]) -> tuple[Spec, Spec, float]:
    """Scale and axis that fit the losses, and the lowest loss that they show."""
    lowest, highest = min(losses), max(losses)
    if lowest >= 0 and highest > _WIDE * max(lowest, 1e-12):
        least = max(lowest, highest / 1e4)
        end = next_round(highest)
        decades = range(math.ceil(math.log10(least)), math.ceil(math.log10(end / 2)))
        axis: Spec = {"values": [*(float(f"1e{decade}") for decade in decades), end], "format": "~g"}
        return {"type": "log", "domain": [least, end], "nice": False}, axis, least
    ticks = round_ticks(lowest, highest)
    return {"domain": [ticks[0], ticks[-1]], "zero": False}, {"values": ticks}, ticks[0]


def _told(one: Surface) -> str:
    """A surface in words, for those who cannot see it."""
    ahead, aside = max(one.along[one.middle :]), max(one.across)
    flat = [loss for row in one.losses for loss in row]
    return (
        f"{one.centre:.3g} at the images, up to {ahead:.3g} {_ALONG}, up to {aside:.3g} {_ACROSS}; "
        f"from {min(flat):.3g} to {max(flat):.3g} in all."
    )


def _line(one: Surface) -> dict[str, str]:
    return {
        "name": one.row,
        "metric": one.metric,
        "centre": f"{one.centre:.3g}",
        "rise": f"{one.rise.value:+.3g}",
        "interval": f"{one.rise.low:+.3g} – {one.rise.high:+.3g}",
        "aside": f"{max(one.across[0], one.across[-1]) - one.centre:+.3g}",
        "still": f"{percent(one.still)} %",
    }
