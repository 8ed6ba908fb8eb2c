"""How far each unit of the first layer moves: a histogram for each network, and every unit in a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from ...results import VulnerabilityRecord
from ..charts import BARS, MOVED, ZERO, Chart, Panel, counted, histogram_panel, next_round
from ..csv_text import csv_text
from ..families import featured, networks
from ..page import Page
from ..template import fill
from .view import View

_ROWS = 9  # panels that fit on a page
_BINS = 25  # about as many as Madaan et al. draw over what their networks reach
_HEADER = ("row", "metric", "seed", "layer", "unit", "value")


@dataclass(frozen=True)
class Units:
    """The units of the first layer of one network by one measure, of its first seed."""

    row: str
    metric: str
    layer: str
    moved: Sequence[float]


def view(page: Page) -> View | None:
    """None where no vulnerability is measured."""
    found = first_layers(page)
    if not found:
        return None
    charts = [_chart(page, metric, found) for metric in dict.fromkeys(one.metric for one in found)]
    html = fill("views/distortion.html", charts=charts)
    files = {"vulnerability-units.csv": units_csv(page)}
    title = "How far each unit of the first layer moves"
    return View("distortion", title, html=html, nav="Distortion", charts=charts, files=files)


def first_layers(page: Page) -> list[Units]:
    """Every network by every measure of vulnerability, in the order of the page."""
    found = page.grid.of(VulnerabilityRecord)
    places = sorted(found, key=lambda at: page.rows.index(at[0]))
    return [Units(*at, found[at][0].record.taps[0], found[at][0].record.units[0]) for at in places]


def units_csv(page: Page) -> str:
    """Every unit of every layer, numbered from 0."""
    lines = (
        [row, metric, str(cell.seed), layer, str(unit), f"{moved:.6g}"]
        for (row, metric), cells in page.grid.of(VulnerabilityRecord).items()
        for cell in cells
        for layer, units in zip(cell.record.taps, cell.record.units)
        for unit, moved in enumerate(units)
    )
    return csv_text(_HEADER, lines)


def _chart(page: Page, metric: str, found: Sequence[Units]) -> Chart:
    ours = {one.row: one for one in found if one.metric == metric}
    drawn = [ours[row.name] for row in featured([r for r in networks(page) if r.name in ours], _ROWS)]
    largest = max(max(one.moved) for one in drawn)
    width = next_round(largest / _BINS) or 1 / _BINS
    end = width * _BINS
    bars = {one.row: counted(one.moved, width, end) for one in drawn}
    most = max(int(bar["count"] or 0) for held in bars.values() for bar in held)
    panels = []
    for one in drawn:
        spec = histogram_panel(
            bars[one.row], width=width, end=end, most=most, x_title="mean change of the unit", y_title="units"
        )
        panels.append(Panel(one.row, _told(one), bars[one.row], spec))
    layers = ", ".join(dict.fromkeys(one.layer for one in drawn))
    caption = f"Units of {layers}, in bins of {width:g}, the same for all networks."
    if any(len(cells) > 1 for place, cells in page.grid.of(VulnerabilityRecord).items() if place[1] == metric):
        caption += " Of several seeds the first is drawn."
    if len(drawn) < len(ours):
        caption += f" {len(drawn)} of {len(ours)} networks are drawn; the file has them all."
    metrics = list(dict.fromkeys(one.metric for one in found))
    name = "distortion" + f"-{metrics.index(metric) + 1}" * (len(metrics) > 1)
    title = f"Units by their change: {metric}"
    return Chart(name, title, caption, [MOVED, ZERO], panels, BARS, table="vulnerability-units.csv")


def _told(one: Units) -> str:
    moved = [number for number in one.moved if number > 0]
    said = f"{len(one.moved)} units of {one.layer} of {one.row}: {len(one.moved) - len(moved)} do not move at all"
    if not moved:
        return f"{said}."
    return f"{said}, the others by {min(moved):.3g} to {max(moved):.3g}, median {median(moved):.3g}."
