"""What the networks cost: bars against the unpruned network, a table, and `costs.csv`."""

from dataclasses import dataclass

from markupsafe import Markup

from ..charts import BARS, SERIES, Chart, Panel, Point, bar_panel
from ..costs import COST_METRICS, FORMS, Cost, costs, references, sparsity_costs
from ..csv_text import csv_text, listed
from ..families import featured, networks
from ..page import Page
from ..runtimes import runtime_lines
from ..template import fill
from ..words import amount, ratio
from .view import View

_HEADER = ("row", "metric", "form", "batch", "value", "low", "high", "unit", "seeds")
_TITLES = {
    "parameters": "Parameters",
    "nonzero": "Non-zero parameters",
    "macs": "Multiply-adds",
    "bytes": "Bytes on disk",
    "latency": "Latency",
}


@dataclass(frozen=True)
class Spent:
    """One place of the table."""

    value: str
    spread: str
    against: str
    order: float
    """What the column is sorted by."""


@dataclass(frozen=True)
class CostLine:
    """One network in one form."""

    name: str
    form: str
    first: bool
    """Whether this is the first line of its network."""
    places: list[Spent | None]


def view(page: Page) -> View:
    """The file, which has the sparsities too, is written even where no cost is measured."""
    lines, chart, html, spent = cost_lines(page), relative_cost(page), Markup(), costs(page)
    if lines:
        titles = [cost_title(metric, batch) for metric, batch in _columns(page)]
        html = fill("views/costs.html", chart=chart, titles=titles, lines=lines, told=runtime_lines(spent))
    charts = [chart] if chart else []
    files = {"costs.csv": costs_csv(page)}
    return View(name="costs", nav="Cost", title="Cost and latency", html=html, charts=charts, files=files)


def costs_csv(page: Page) -> str:
    """Every cost and the three sparsities of every row, in the unit named on the line."""
    return csv_text(_HEADER, [_csv_line(cost) for cost in (*costs(page), *sparsity_costs(page))])


def cost_lines(page: Page) -> list[CostLine]:
    """The table: a line for each network and form. The dense form of a pruned network is left out where its unpruned
    network has a line: it is that network, timed once more in turns with the pruned one.
    """
    spent = costs(page)
    held, compared = {(c.row, c.form, c.metric, c.batch): c for c in spent}, references(page, spent)
    lines: list[CostLine] = []
    columns = _columns(page)
    costed = {cost.row for cost in spent}
    for row, form in dict.fromkeys((cost.row, cost.form) for cost in spent):
        if form == "dense" and page.grid.by_name[row].base in costed:
            continue
        places = [held.get((row, form, *column)) for column in columns]
        first = not lines or lines[-1].name != row
        lines.append(CostLine(row, form, first, [None if c is None else _spent(c, compared.get(c)) for c in places]))
    return lines


def relative_cost(page: Page) -> Chart | None:
    """Bars in percent of the unpruned network."""
    spent = costs(page)
    compared, rows = references(page, spent), networks(page)
    pruned = {row.name for row in rows if row.base is not None}
    kept = [row.name for row in featured(rows, SERIES)]
    forms = [form for form in FORMS if any(cost.form == form for cost in spent)][:SERIES]
    panels = []
    for metric, batch in dict.fromkeys((cost.metric, cost.batch) for cost in spent if cost.form):
        bars: list[Point] = []
        told = False  # a network compared with itself tells nothing
        for cost in spent:
            reference = compared.get(cost)
            if (cost.metric, cost.batch) != (metric, batch) or cost.row not in kept or reference is None:
                continue
            if cost.form not in forms:
                continue
            if cost == reference and cost.row in pruned:
                continue  # a pruned network's own dense form is in the table; its bar is always 100 %
            bars.append(_bar(cost, reference))
            told = told or cost != reference
        if told:
            title = cost_title(metric, batch)
            tips = {
                "row": "network",
                "exact": title.lower(),
                "relative": "of the unpruned network",
                "spread": "range",
            }
            spec = bar_panel(bars, [str(bar["row"]) for bar in bars], forms, tips)
            spoken = f"{title} in percent of the unpruned network, {len(bars)} bars."
            panels.append(Panel(title, spoken, bars, spec))
    if not panels:
        return None
    caption = "Percent of the unpruned network; shorter is cheaper."
    if len(kept) < len({cost.row for cost in spent}):
        caption += f" {len(kept)} networks are drawn; the table has them all."
    return Chart("cost", "Relative cost", caption, forms, panels, BARS)


def cost_title(metric: str, batch: int | None) -> str:
    """ "Latency, batch 128"."""
    title = _TITLES.get(metric, metric)
    return title if batch is None else f"{title}, batch {batch}"


def _columns(page: Page) -> list[tuple[str, int | None]]:
    """(metric, batch) of every column of the table."""
    seen = dict.fromkeys((cost.metric, cost.batch) for cost in costs(page))
    ordered = {metric: place for place, metric in enumerate(COST_METRICS)}
    return sorted(seen, key=lambda column: (ordered.get(column[0], len(ordered)), column[0], column[1] or 0))


def _spent(cost: Cost, reference: Cost | None) -> Spent:
    against = ""
    if reference is not None and reference != cost:
        better, worse = {"latency": ("faster", "slower"), "bytes": ("smaller", "larger")}.get(
            cost.metric, ("fewer", "more")
        )
        against = ratio(reference.value, cost.value, better, worse, "same")
        if cost.metric == "latency" and cost.low <= reference.high and reference.low <= cost.high:
            against = "same, within spread"
    spread = "" if cost.low == cost.high else f"{amount(cost.low, '')} – {amount(cost.high, cost.unit)}"
    return Spent(amount(cost.value, cost.unit), spread, against, cost.value)


def _bar(cost: Cost, reference: Cost) -> Point:
    relative = 100 * cost.value / reference.value if reference.value else 100.0
    return {
        "row": f"{cost.row} · {cost.form}" if cost.form != "dense" else cost.row,
        "series": cost.form,
        "x": relative,
        "label": f"{relative:.0f} %" if relative >= 10 else f"{relative:.1f} %",
        "relative": f"{relative:.1f} %",
        "exact": amount(cost.value, cost.unit),
        "spread": f"{amount(cost.low, cost.unit)} to {amount(cost.high, cost.unit)}",
    }


def _csv_line(cost: Cost) -> list[str]:
    numbers = [_plain(part, cost.unit) for part in (cost.value, cost.low, cost.high)]
    batch = "" if cost.batch is None else str(cost.batch)
    return [cost.row, cost.metric, cost.form, batch, *numbers, cost.unit, listed(cost.seeds)]


def _plain(value: float, unit: str) -> str:
    if unit == "percent":
        return f"{value:.2f}"
    return str(int(value)) if float(value).is_integer() else f"{value:.4g}"
