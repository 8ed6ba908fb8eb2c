"""Ways to prune beside each other: accuracy against the share that was removed."""

from collections.abc import Sequence

from markupsafe import Markup

from ...results import Row, estimate
from ..accuracy_points import TIPS, accuracy_point
from ..attacks import strongest
from ..charts import POINTS, SERIES, Chart, Panel, Point, line_panel, paper_note
from ..page import Page
from ..template import fill
from .view import View

_SWEEP = 3  # rates; fewer are told better by the table
_WAYS = 2  # one alone is drawn against its unpruned network


def view(page: Page) -> View | None:
    """None where there are not several sweeps to compare."""
    charts = against_rates(page)
    if not charts:
        return None
    html = Markup("\n").join(fill("views/chart.html", chart=chart) for chart in charts)
    return View(name="accuracy-rates", nav="Pruning rates", title="Ways to prune", html=html, charts=charts)


def against_rates(page: Page) -> list[Chart]:
    """A chart for each network that was pruned in several ways and each set of images that fine-tuning was on; in it, a
    panel for natural accuracy and one for each attack at its largest eps, and a line for each way.

    Networks that were not pruned and trained on the same images stand at rate 0, as far as there are colours.

    Reference: Lim et al. 2021 (RFP), Figure 4.
    """
    groups: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in page.grid.rows:
        if row.base is not None and row.requested and _measured(page, row.name):
            groups.setdefault((row.base, row.images), {}).setdefault(row.family or row.name, []).append(row)
    charts: list[Chart] = []
    for (base, images), ways in groups.items():
        sweeps = {family: rows for family, rows in ways.items() if len({row.requested for row in rows}) >= _SWEEP}
        if len(sweeps) >= _WAYS:
            name = f"accuracy-rates-{len(charts) + 1}" if charts else "accuracy-rates"
            charts.append(_chart(page, name, base, images, sweeps))
    return charts


def _chart(page: Page, name: str, base: str, images: str, sweeps: dict[str, list[Row]]) -> Chart:
    drawn = dict(list(sweeps.items())[:SERIES])
    unpruned = [row for row in page.grid.rows if not row.requested and row.images == images]
    starts = [row for row in unpruned if _measured(page, row.name)][: SERIES - len(drawn)]
    lines = {**{row.name: [row] for row in starts}, **drawn}
    panels = []
    for metric in strongest(page):
        points = [
            accuracy_point(page, series, row.name, metric, 100 * row.requested, found)
            for series, rows in lines.items()
            for row in sorted(rows, key=lambda row: row.requested)
            if (found := estimate(page.accuracy.get((row.name, metric), []))) is not None
        ]
        if points:
            panels.append(_panel(metric, points, list(lines)))
    on = f"trained on {images}" if images else "trained on the training images"
    caption = f"{base}, pruned in {len(sweeps)} ways and {on}. Bars are 95 % intervals."
    if len(drawn) < len(sweeps):
        caption += f" {len(drawn)} ways are drawn; the table has them all."
    title = f"Accuracy against the share removed, {on}"
    return Chart(name, title, caption + paper_note(panels), list(lines), panels, POINTS)


def _panel(metric: str, points: Sequence[Point], series: Sequence[str]) -> Panel:
    spec = line_panel(
        points,
        series,
        x_title="removed, as requested (%)",
        x_domain=(0, 100),
        tips=TIPS,
    )
    return Panel(metric, f"Accuracy, {metric}, against the percentage removed, {len(series)} lines.", points, spec)


def _measured(page: Page, row: str) -> bool:
    return row in page.accuracy_of
