"""Pruning curves: accuracy against how much is pruned, a line for each noise and one for none, and `curves.csv`.

Two parts of the page: whole networks, and layers that were pruned alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...results import Cell, Estimate, PruningCurveRecord, estimate
from ..charts import LINES, Chart, Panel, Point, curve_panel
from ..csv_text import csv_text, in_percent, listed
from ..page import Page
from ..template import fill
from ..words import percent
from .view import View

NONE = "none"
"""The line of untouched images, as the blog calls it."""

_HEADER = (
    "row",
    "metric",
    "layer",
    "noise",
    "rate",
    "sparsity",
    "value",
    "low",
    "high",
    "targeted_success",
    "highest",
    "seeds",
)


@dataclass(frozen=True)
class CurvePoint:
    """One rate of one curve under one noise, joined over seeds."""

    row: str
    metric: str
    layer: str
    """The only layer that was pruned; empty for all that the measure prunes."""
    noise: str
    """Class and limit, such as "3, 0.25"; "none" for untouched images."""
    rate: float
    """The fraction that was to be removed."""
    sparsity: float
    """The fraction of all convolution and linear weights that is zero, the mean over the seeds."""
    found: Estimate
    success: float | None
    """Share of images of other classes that are taken for the noise's target."""
    highest: bool
    """Whether this is, for each seed, the highest rate that keeps the accuracy which the measure names."""


def whole(page: Page) -> View | None:
    """Curves of whole networks; None where there are none."""
    return _view(page, "Pruning curves", against_rate(page))


def layers(page: Page) -> View | None:
    """Curves of single layers; None where there are none."""
    return _view(page, "Layers", against_rate_by_layer(page))


def curves_csv(page: Page) -> str:
    """Every rate of every pruning curve, all numbers in percent; `highest` is `yes` at the highest rate that keeps the
    natural accuracy which the measure names.
    """
    return csv_text(_HEADER, [_csv_line(point) for point in curve_points(page)])


def curve_points(page: Page) -> list[CurvePoint]:
    """Every curve of the page, in the order it was measured."""
    places: dict[tuple[str, str, str, str, float], list[Cell[PruningCurveRecord]]] = {}
    for (row, metric), measured in page.grid.of(PruningCurveRecord).items():
        for cell in measured:
            record = cell.record
            places.setdefault((row, metric, record.layer or "", record.noise or NONE, record.rate), []).append(cell)
    points = []
    for place, cells in places.items():
        found = estimate(cells)
        assert found is not None  # there is a cell
        records = [cell.record for cell in cells]
        success = [record.targeted_success for record in records if record.targeted_success is not None]
        points.append(
            CurvePoint(
                *place,
                sparsity=_mean(record.sparsity for record in records),
                found=found,
                success=_mean(success) if success else None,
                highest=all(record.highest for record in records),
            )
        )
    return points


def against_rate(page: Page) -> Chart | None:
    """A panel for each curve of a whole network.

    Reference: Gannon 2018, Pruning neural networks and adversarial noise, the plots of whole networks.
    """
    points = [point for point in curve_points(page) if not point.layer]
    return _chart("accuracy-curves", "Accuracy against how much is pruned", points)


def against_rate_by_layer(page: Page) -> Chart | None:
    """A panel for each layer that was pruned alone.

    Reference: Gannon 2018, "Pruning individual layers".
    """
    points = [point for point in curve_points(page) if point.layer]
    return _chart("accuracy-layers", "Accuracy against how much of one layer is pruned, the others whole", points)


def _chart(name: str, title: str, points: Sequence[CurvePoint]) -> Chart | None:
    if not points:
        return None
    noises = list(dict.fromkeys(point.noise for point in points))
    series = ([NONE] if NONE in noises else []) + [noise for noise in noises if noise != NONE]
    rows = {metric: {point.row for point in points if point.metric == metric} for metric in {p.metric for p in points}}
    panels = []
    for row, metric, layer in dict.fromkeys((point.row, point.metric, point.layer) for point in points):
        ours = [point for point in points if (point.row, point.metric, point.layer) == (row, metric, layer)]
        words = [*([row] if len(rows[metric]) > 1 else []), metric, *([layer] if layer else [])]
        drawn = [_drawn(point) for point in ours]
        highest = next((100 * point.rate for point in ours if point.highest and point.noise == NONE), None)
        spoken = f"Accuracy of {row} under {metric}{' ' * bool(layer)}{layer} against the percentage pruned."
        panels.append(Panel(" · ".join(words), spoken, drawn, curve_panel(drawn, series, mark=highest)))
    caption = (
        "Each line is one noise, named by the class it aims at and its limit; the dark line is untouched images. "
        "Nothing is trained after pruning."
    )
    if any(point.highest for point in points):
        caption += (
            " The dotted upright line is the highest rate that keeps the natural accuracy which the measure names."
        )
    return Chart(name, title, caption, series, panels, LINES, table="curves.csv")


def _drawn(point: CurvePoint) -> Point:
    found = point.found
    success = "" if point.success is None else f"{percent(point.success)} %"
    return {
        "series": point.noise,
        "x": round(100 * point.rate, 4),
        "value": round(100 * found.value, 3),
        "shown": f"{percent(found.value, 2)} % ({percent(found.low, 2)} to {percent(found.high, 2)})",
        "success": success,
    }


def _mean(values: Iterable[float]) -> float:
    read = list(values)
    return sum(read) / len(read)


def _view(page: Page, nav: str, chart: Chart | None) -> View | None:
    if chart is None:
        return None
    html = fill("views/chart.html", chart=chart)
    files = {"curves.csv": curves_csv(page)}
    return View(name=chart.name, nav=nav, title=chart.title, html=html, charts=[chart], files=files)


def _csv_line(point: CurvePoint) -> list[str]:
    found = point.found
    shares = map(in_percent, (point.sparsity, found.value, found.low, found.high))
    success = "" if point.success is None else in_percent(point.success)
    place = [point.row, point.metric, point.layer, point.noise, f"{100 * point.rate:.4g}"]
    return [*place, *shares, success, "yes" if point.highest else "", listed(found.seeds)]
