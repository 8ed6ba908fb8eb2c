"""A few networks beside each other: bars of their accuracies."""

from ...results import estimate
from ..accuracy_points import TIPS, accuracy_point
from ..attacks import strongest
from ..charts import BARS, SERIES, Chart, Panel, Point, bar_panel
from ..page import Page
from ..template import fill
from ..words import percent
from .view import View

_SWEEP = 3  # rates of one sweep, which are drawn as curves


def view(page: Page) -> View | None:
    """None where there is one network, where there are too many, or where nothing is attacked."""
    chart = side_by_side(page)
    if chart is None:
        return None
    html = fill("views/chart.html", chart=chart)
    return View(name=chart.name, nav="Networks", title=chart.title, html=html, charts=[chart])


def side_by_side(page: Page) -> Chart | None:
    """A panel for natural accuracy and one for each attack at its largest eps, a bar for each network.

    Reference: Lim et al. 2021 (RFP), Figures 2 and 3.
    """
    metrics = strongest(page)[:SERIES]
    measured = {row for row, _ in page.accuracy}
    rows = [row for row in page.grid.rows if row.name in measured]
    rates: dict[str, set[float]] = {}
    for row in rows:
        rates.setdefault(row.family or row.name, set()).add(row.requested)
    swept = any(len(of_one) >= _SWEEP for of_one in rates.values())
    if not 1 < len(rows) <= SERIES or swept or not any(page.attack(metric) for metric in metrics):
        return None
    panels = [_panel(page, metric, metrics, [row.name for row in rows]) for metric in metrics]
    caption = "Percent of test images that are classified right; in brackets the paper's number, where it prints one."
    return Chart("accuracy-bars", "Networks side by side", caption, metrics, panels, BARS)


def _panel(page: Page, metric: str, metrics: list[str], rows: list[str]) -> Panel:
    bars: list[Point] = []
    for row in rows:
        found = estimate(page.accuracy.get((row, metric), []))
        if found is not None:
            paper = page.paper(row, metric)
            printed = "" if paper is None else f" ({paper:g})"
            point = accuracy_point(page, metric, row, metric, 100 * found.value, found)
            bars.append({**point, "label": f"{percent(found.value)} %{printed}"})
    return Panel(metric, f"{metric} in percent, {len(bars)} bars.", bars, bar_panel(bars, rows, metrics, TIPS))
