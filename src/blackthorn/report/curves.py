"""The figures of pruning curves: accuracy against how much is pruned, a line for each noise and one for none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .charts import Chart
from .estimates import Estimate, estimate
from .panels import Panel, Point, curve_panel
from .records import Cell, Page, number, text
from .words import percent

NONE = "none"
"""The line of untouched images, as the blog calls it."""


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


def curve_points(page: Page) -> list[CurvePoint]:
    """Every curve of the page, in the order it was measured."""
    places: dict[tuple[str, str, str, str, float], list[Cell]] = {}
    for cell in page.curves:
        rate = number(cell.record, "rate")
        assert rate is not None  # Page.curves leaves the others out
        noise = text(cell.record, "noise") or NONE
        places.setdefault((cell.row, cell.metric, text(cell.record, "layer"), noise, rate), []).append(cell)
    points = []
    for place, cells in places.items():
        cells = sorted(cells, key=lambda cell: cell.seed)
        found = estimate(cells)
        assert found is not None  # there is a cell
        highest = all(cell.record.get("highest") is True for cell in cells)
        points.append(
            CurvePoint(*place, _mean(cells, "sparsity") or 0.0, found, _mean(cells, "targeted_success"), highest)
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
    return Chart(name, title, caption, series, panels, lines=True, table="curves.csv")


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


def _mean(cells: Iterable[Cell], key: str) -> float | None:
    read = [held for cell in cells if (held := number(cell.record, key)) is not None]
    return sum(read) / len(read) if read else None
