"""What each part of a method brings: accuracy and vulnerability side by side, and both against the units removed."""

from statistics import fmean

from ...results import CountedRecord, Estimate, VulnerabilityRecord, estimate
from ..charts import BARS, POINTS, SERIES, Chart, Panel, Point, bar_panel, line_panel
from ..families import mean_zeros, networks
from ..page import Page
from ..template import fill
from ..words import percent
from .view import View

_METRICS = 3  # of each kind; the table has them all
_ACCURACY, _VULNERABILITY = "accuracy", "vulnerability"
_BAR_TIPS = {"row": "network", "label": "value", "interval": "95 % interval", "seeds": "seeds"}
_POINT_TIPS = {**_BAR_TIPS, "removed": "units removed"}


def view(page: Page) -> View | None:
    """None where not both accuracy and vulnerability are measured, of two networks at least."""
    bars = side_by_side(page)
    if bars is None:
        return None
    against = against_units(page)
    charts = [bars] if against is None else [bars, against]
    html = fill("views/ablation.html", charts=charts)
    return View("ablation", "Accuracy beside vulnerability", html=html, nav="Ablation", charts=charts)


def side_by_side(page: Page) -> Chart | None:
    """A panel of bars for each accuracy and each vulnerability, a bar for each network."""
    rows = [row for row in page.rows if _has_both(page, row)]
    if len(rows) < 2:
        return None
    panels = []
    for metric in _metrics(page):
        kind, points = _kind(page, metric), []
        for row in rows:
            found = _found(page, row, metric)
            if found is not None:
                points.append(_point(page, row, metric, found, {"series": kind, "row": row}))
        if points:
            full = 100.0 if kind == _ACCURACY else max(float(point["x"] or 0) for point in points)
            names = [str(point["row"]) for point in points]
            spec = bar_panel(points, names, [_ACCURACY, _VULNERABILITY], _BAR_TIPS, full)
            told = ", ".join(f"{point['row']} {point['label']}" for point in points)
            panels.append(Panel(metric, f"{kind.capitalize()} by {metric}: {told}.", points, spec))
    caption = "Longer bars of accuracy are better, and shorter ones of vulnerability. Thin lines are 95 % intervals."
    series = [_ACCURACY, _VULNERABILITY]
    return Chart("ablation", "Accuracy and vulnerability", caption, series, panels, BARS, table="results.csv")


def against_units(page: Page) -> Chart | None:
    """A panel for each of them against the percentage of units removed: a mark for each network, a line for a sweep."""
    removed = {row.name: _removed(page, row.name) for row in networks(page)}
    families = {row.name: row.family for row in networks(page)}
    placed = {row: share for row, share in removed.items() if share is not None and _has_both(page, row)}
    if len({round(share, 3) for share in placed.values()}) < 2:
        return None
    everything = list(dict.fromkeys(families[row] for row in placed))
    series, panels = everything[:SERIES], []
    for metric in _metrics(page):
        points: list[Point] = []
        for row, share in sorted(placed.items(), key=lambda one: one[1]):
            found = _found(page, row, metric)
            if found is not None and families[row] in series:
                more = {"series": families[row], "row": row, "removed": f"{percent(share)} %", "paper": None}
                points.append({**_point(page, row, metric, found, more), "x": 100 * share})
        if points:
            accuracy = _kind(page, metric) == _ACCURACY
            top = 100.0 if accuracy else 1.05 * max(float(point["high"] or 0) for point in points)
            spec = line_panel(
                points,
                series,
                x_title="units removed (%)",
                x_domain=(0, 100),
                tips=_POINT_TIPS,
                y_title="accuracy (%)" if accuracy else "vulnerability",
                y_domain=(0, top),
            )
            told = ", ".join(f"{point['row']} {point['label']} at {point['removed']}" for point in points)
            panels.append(Panel(metric, f"{metric} against the units removed: {told}.", points, spec))
    if not panels:
        return None
    caption = "Units are filters and hidden linear units. Bars are 95 % intervals."
    if len(series) < len(everything):
        caption += f" {len(series)} of {len(everything)} kinds of networks are drawn; the table has them all."
    title = "Accuracy and vulnerability against the units removed"
    return Chart("ablation-units", title, caption, series, panels, POINTS, table="results.csv")


def _vulnerabilities(page: Page) -> list[str]:
    measured = {metric for _, metric in page.grid.of(VulnerabilityRecord)}
    return [metric for metric in page.grid.metrics if metric in measured]


def _metrics(page: Page) -> list[str]:
    return [*page.accuracy_metrics[:_METRICS], *_vulnerabilities(page)[:_METRICS]]


def _has_both(page: Page, row: str) -> bool:
    found = {_kind(page, metric) for metric in _metrics(page) if _found(page, row, metric) is not None}
    return len(found) == 2


def _kind(page: Page, metric: str) -> str:
    return _ACCURACY if metric in page.accuracy_metrics else _VULNERABILITY


def _found(page: Page, row: str, metric: str) -> Estimate | None:
    measured = page.grid.of(VulnerabilityRecord).get((row, metric), [])
    return estimate(measured) or estimate(page.accuracy.get((row, metric), []))


def _point(page: Page, row: str, metric: str, found: Estimate, more: Point) -> Point:
    """A network by a metric: accuracies in percent, vulnerability as it is."""
    if _kind(page, metric) == _ACCURACY:
        scale, label = 100, f"{percent(found.value)} %"
        interval = f"{percent(found.low, 2)} to {percent(found.high, 2)} %"
    else:
        scale, label, interval = 1, f"{found.value:.3f}", f"{found.low:.3f} to {found.high:.3f}"
    numbers = {name: scale * at for name, at in (("x", found.value), ("value", found.value))}
    ends = {"low": scale * found.low, "high": scale * found.high}
    return {**more, **numbers, **ends, "label": label, "interval": interval, "seeds": " ".join(map(str, found.seeds))}


def _removed(page: Page, row: str) -> float | None:
    """The share of units that is gone: as counted, else as zeros were found."""
    counted = [
        cell.record.value / 100
        for (name, _), cells in page.grid.of(CountedRecord).items()
        for cell in cells
        if name == row and cell.record.what == "units"
    ]
    return fmean(counted) if counted else mean_zeros(page, row).get("units")
