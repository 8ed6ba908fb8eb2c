"""What pruning changed: accuracy of each sweep minus that of its unpruned network."""

from ...results import difference, estimate
from ..attacks import strongest
from ..charts import POINTS, SERIES, Chart, Panel, Point, line_panel, paper_note
from ..families import Network, by_family, networks
from ..page import Page
from ..template import fill
from ..words import percent
from ..words import points as signed
from .view import View

_MOVED_TIPS = {
    "row": "network",
    "where": "measure",
    "shown": "difference",
    "interval": "95 % interval",
    "accuracy": "accuracy",
    "removed": "weights removed",
    "seeds": "seeds",
}
_SWEEP = 3  # rates; fewer are told better by the table


def view(page: Page) -> View | None:
    """None where no sweep is measured."""
    chart = against_unpruned(page)
    if chart is None:
        return None
    html = fill("views/chart.html", chart=chart)
    return View(name=chart.name, nav="Difference", title=chart.title, html=html, charts=[chart])


def against_unpruned(page: Page) -> Chart | None:
    """A panel for each sweep, a line for natural accuracy and for each attack at its largest eps.

    The unpruned network is the one that a selection from the sweep names, else the one that was pruned.

    Reference: Wang et al. 2018, Figures 1 and 2.
    """
    named = {tried.row: selected.than for selected in page.selections for tried in selected.sweep}
    sweeps = {
        name: rows for name, rows in by_family(networks(page)).items() if len({row.requested for row in rows}) >= _SWEEP
    }
    series = strongest(page)[:SERIES]
    panels, lacking, rung = [], 0, 0
    for family, rows in sweeps.items():
        base = next((named[row.name] for row in rows if row.name in named), rows[0].base or "")
        points: list[Point] = []
        for metric in series:
            compared = [row for row in rows if not page.rings(metric, row.name, base)]
            rung += len(rows) - len(compared)
            found = [_moved(page, metric, row, base) for row in compared]
            lacking += found.count(None)
            drawn = sorted((point for point in found if point is not None), key=lambda point: float(point["x"] or 0))
            points += [_unmoved(page, metric, base), *drawn] if drawn else []
        if points:
            spoken = f"Accuracy of {family} minus that of {base}, in points, against the percentage removed."
            held = [float(point[end] or 0) for point in points for end in ("low", "high", "paper")]
            pad = 0.05 * max(max(held) - min(held), 1.0)
            spec = line_panel(
                points,
                series,
                x_title="removed, as requested (%)",
                x_domain=(0, 100),
                tips=_MOVED_TIPS,
                y_title="difference (points)",
                y_domain=(min(held) - pad, max(held) + pad),
            )
            panels.append(Panel(f"{family} minus {base}", spoken, points, spec))
    if not panels:
        return None
    caption = "Each panel has a scale of its own. Bars are paired 95 % intervals."
    caption += paper_note(panels)
    if lacking:
        caption += (
            f" {lacking} point{'s' * (lacking > 1)} of these sweeps {'are' if lacking > 1 else 'is'} not measured yet."
        )
    if rung:
        caption += (
            f" {rung} point{'s' * (rung > 1)} under alarm {'are' if rung > 1 else 'is'} left out: an upper bound must "
            "not be compared."
        )
    return Chart("accuracy-difference", "Accuracy difference, pruned minus unpruned", caption, series, panels, POINTS)


def _moved(page: Page, metric: str, row: Network, base: str) -> Point | None:
    """What pruning changed under one measure, in points; paired image by image."""
    change = difference(page.accuracy.get((row.name, metric), []), page.accuracy.get((base, metric), []))
    before, after = (estimate(page.accuracy.get((name, metric), [])) for name in (base, row.name))
    if change is None or before is None or after is None:
        return None
    papers = page.paper(row.name, metric), page.paper(base, metric)
    paper = None if papers[0] is None or papers[1] is None else papers[0] - papers[1]
    shown = f"{signed(change.value, 2)} points" + ("" if paper is None else f" (paper {signed(paper / 100)})")
    return {
        "series": metric,
        "row": row.name,
        "where": metric,
        "x": 100 * row.requested,
        "value": 100 * change.value,
        "low": 100 * change.low,
        "high": 100 * change.high,
        "paper": paper,
        "shown": shown,
        "interval": f"{signed(change.low, 2)} to {signed(change.high, 2)}" + ("" if change.paired else ", not paired"),
        "accuracy": f"{percent(before.value, 2)} → {percent(after.value, 2)} %",
        "removed": f"{percent(row.removed)} %" if row.measured else "not measured",
        "seeds": " ".join(map(str, after.seeds)),
    }


def _unmoved(page: Page, metric: str, base: str) -> Point:
    """The unpruned network, which differs from itself by nothing."""
    found = estimate(page.accuracy[base, metric])
    assert found is not None  # a difference from it was just made
    return {
        "series": metric,
        "row": base,
        "where": metric,
        "x": 0.0,
        "value": 0.0,
        "low": 0.0,
        "high": 0.0,
        "paper": None,
        "shown": "unpruned",
        "interval": "–",
        "accuracy": f"{percent(found.value, 2)} %",
        "removed": "0 %",
        "seeds": " ".join(map(str, found.seeds)),
    }
