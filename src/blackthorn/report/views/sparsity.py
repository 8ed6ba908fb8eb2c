"""Accuracy against how much of the weights is removed."""

from ...results import estimate
from ..accuracy_points import TIPS, accuracy_point
from ..charts import POINTS, SERIES, Chart, Panel, Point, line_panel, paper_note
from ..families import by_family, networks
from ..page import Page
from ..template import fill
from .view import View


def view(page: Page) -> View | None:
    """None where nothing is pruned."""
    chart = against_sparsity(page)
    if chart is None:
        return None
    html = fill("views/chart.html", chart=chart)
    return View(name=chart.name, nav="Sparsity", title=chart.title, html=html, charts=[chart])


def against_sparsity(page: Page) -> Chart | None:
    """A panel for each metric, a line for each family of rows, which starts at its unpruned network."""
    rows = networks(page)
    by_name = {row.name: row for row in rows}
    families = {name: [by_name[family[0].base or ""], *family] for name, family in by_family(rows).items()}
    series = list(families)[:SERIES]
    panels = []
    for metric in page.accuracy_metrics:
        points: list[Point] = []
        for family in series:
            for row in sorted(families[family], key=lambda row: row.removed):
                found = estimate(page.accuracy.get((row.name, metric), []))
                if found is not None:
                    points.append(accuracy_point(page, family, row.name, metric, 100 * row.removed, found))
        if len({point["x"] for point in points}) > 1:
            spoken = f"Accuracy under {metric} against the percentage of weights removed."
            spec = line_panel(points, series, x_title="weights removed (%)", tips=TIPS)
            panels.append(Panel(metric, spoken, points, spec))
    if not panels:
        return None
    caption = "Each line starts at the unpruned network it came from. Bars are 95 % intervals." + paper_note(panels)
    if any(not row.measured for family in series for row in families[family]):
        caption += " Where no zeros were measured, the requested rate is used."
    if len(series) < len(families):
        caption += f" {len(series)} of {len(families)} families are drawn."
    return Chart("accuracy-sparsity", "Accuracy against sparsity", caption, series, panels, POINTS)
