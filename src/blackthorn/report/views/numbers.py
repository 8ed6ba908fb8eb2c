"""Numbers in units of their own, such as vulnerability and counts, beside the paper's; and `vulnerability.csv`."""

from dataclasses import dataclass

from ...results import Estimate, VulnerabilityRecord, estimate
from ..csv_text import csv_text
from ..page import Page
from ..template import fill
from .view import View

_HEADER = ("row", "metric", "seed", "layer", "units", "value", "unmoved")


@dataclass(frozen=True)
class Number:
    """One place of the table."""

    value: str
    interval: str
    """Empty where it is exact."""
    paper: str


@dataclass(frozen=True)
class Line:
    """A row of the table, and its places (None = not measured)."""

    name: str
    places: list[Number | None]


def view(page: Page) -> View | None:
    """None where nothing of the kind is measured."""
    if not page.plain:
        return None
    kinds = {cell.record.measure for cells in page.plain.values() for cell in cells}
    by_layer = vulnerability_csv(page)
    html = fill("views/numbers.html", page=page, lines=number_lines(page), kinds=kinds, by_layer=by_layer is not None)
    title = ", ".join(kind.replace("_", " ") for kind in sorted(kinds)).capitalize()
    files = {} if by_layer is None else {"vulnerability.csv": by_layer}
    return View(name="numbers", nav=title.partition(",")[0], title=title, html=html, files=files)


def number_lines(page: Page) -> list[Line]:
    """The table, row by row, without rows that have none of these numbers."""
    lines = [Line(row, [_place(page, row, metric) for metric in page.plain_metrics]) for row in page.rows]
    return [line for line in lines if any(place is not None for place in line.places)]


def vulnerability_csv(page: Page) -> str | None:
    """The vulnerability of every layer, and how many of its units do not move at all; None where there is none."""
    lines = []
    for (row, metric), cells in page.grid.of(VulnerabilityRecord).items():
        for cell in cells:
            record = cell.record
            for layer, moved, units in zip(record.taps, record.layers, record.units):
                still = sum(unit == 0 for unit in units)
                lines.append([row, metric, str(cell.seed), layer, str(len(units)), f"{moved:.5g}", str(still)])
    return csv_text(_HEADER, lines) if lines else None


def _place(page: Page, row: str, metric: str) -> Number | None:
    found, paper = estimate(page.plain.get((row, metric), [])), page.paper(row, metric)
    if found is None:
        return None
    return Number(_shown(found.value), _interval(found), "" if paper is None else f"{paper:g}")


def _interval(found: Estimate) -> str:
    return "" if found.low == found.high else f"{_shown(found.low)} – {_shown(found.high)}"


def _shown(number: float) -> str:
    return f"{number:.3f}" if abs(number) < 1 else f"{number:.2f}"
