"""The same pruning of several networks: what it changed in each."""

from collections.abc import Sequence

from ...results import Row, difference
from ..attacks import strongest
from ..charts import BARS, SERIES, Chart, Panel, Point, bar_panel
from ..page import Page
from ..template import fill
from ..words import points as signed
from .view import View

_NETWORKS = 2  # one alone is told by the table
_METRICS = 12
_TIPS = {"row": "network", "label": "difference in points", "interval": "95 % interval", "pruned": "pruned"}


def view(page: Page) -> View | None:
    """None where no two networks were pruned by the same rate, each once."""
    chart = by_network(page)
    if chart is None:
        return None
    html = fill("views/chart.html", chart=chart)
    return View(name=chart.name, nav="Gains", title=chart.title, html=html, charts=[chart])


def by_network(page: Page) -> Chart | None:
    """A panel for natural accuracy and for each attack at its largest eps, a bar for each unpruned network: what the
    pruned one has more, paired image by image; none under alarm.
    """
    pairs = _pairs(page.grid.rows)[:SERIES]
    if len(pairs) < _NETWORKS:
        return None
    bases = [row.base or "" for row in pairs]
    panels = []
    for metric in strongest(page)[:_METRICS]:
        bars = [bar for row in pairs if (bar := _bar(page, metric, row)) is not None]
        if bars:
            told = ", ".join(f"{bar['row']} {bar['label']}" for bar in bars)
            spec = bar_panel(bars, [str(bar["row"]) for bar in bars], bases, _TIPS, full=10.0)
            panels.append(Panel(metric, f"Points of {metric} gained by pruning: {told}.", bars, spec))
    if not panels:
        return None
    rate = f"{100 * pairs[0].requested:g}"
    caption = f"Accuracy of each network after {rate} % were pruned minus accuracy before, in points. "
    caption += "Each panel has a scale of its own, of 10 points at least. Thin lines are paired 95 % intervals."
    return Chart("accuracy-gains", "What the same pruning gains, network by network", caption, bases, panels, BARS)


def _pairs(rows: Sequence[Row]) -> list[Row]:
    """A pruned row for each unpruned one, all of one rate, where each has exactly one of that rate; else nothing."""
    by_rate: dict[float, list[Row]] = {}
    for row in rows:
        if row.base is not None and row.requested:
            by_rate.setdefault(row.requested, []).append(row)
    held = [found for found in by_rate.values() if len({row.base for row in found}) == len(found)]
    return max(held, key=len, default=[])


def _bar(page: Page, metric: str, row: Row) -> Point | None:
    base = row.base or ""
    change = difference(page.accuracy.get((row.name, metric), []), page.accuracy.get((base, metric), []))
    if change is None or page.rings(metric, row.name, base):
        return None
    return {
        "series": base,
        "row": base,
        "where": metric,
        "x": 100 * change.value,
        "low": 100 * change.low,
        "high": 100 * change.high,
        "label": signed(change.value, 1),
        "interval": f"{signed(change.low, 2)} to {signed(change.high, 2)}" + ("" if change.paired else ", not paired"),
        "pruned": row.name,
    }
