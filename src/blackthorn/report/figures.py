"""The figures of a report: pruning curves, accuracy against eps and against sparsity, what pruning changed, cost."""

from collections.abc import Sequence

from .attacks import attack_words, eps_of, is_noise
from .charts import Chart
from .costs import Cost, costs, references
from .curves import against_rate, against_rate_by_layer
from .detection import roc_curves
from .differences import against_unpruned
from .estimates import Estimate, estimate
from .families import by_family, family_tree, featured
from .palette import SERIES, Spec
from .panels import Panel, Point, bar_panel, line_panel, paper_note
from .records import Page
from .words import amount, percent, radius

_TIPS = {
    "row": "network",
    "where": "measure",
    "shown": "accuracy",
    "interval": "95 % interval",
    "seeds": "seeds",
}
_COST_TITLES = {
    "parameters": "Parameters",
    "nonzero": "Non-zero parameters",
    "macs": "Multiply-adds",
    "bytes": "Bytes on disk",
    "latency": "Latency",
}


def figures(page: Page) -> list[Chart]:
    """Those that the cells can fill."""
    made = (
        against_rate(page),
        against_rate_by_layer(page),
        roc_curves(page),
        _against_eps(page),
        _against_sparsity(page),
        against_unpruned(page),
        _relative_cost(page),
    )
    return [chart for chart in made if chart is not None]


def _against_eps(page: Page) -> Chart | None:
    """A panel for each attack (its options but eps and step size), a line for each network."""
    shown = [row.name for row in featured([r for r in family_tree(page) if _attacked(page, r.name)], SERIES)]
    metrics: dict[str, dict[str, float]] = {}
    for metric in page.accuracy_metrics:
        eps = eps_of(page, metric)
        if eps is not None:
            metrics.setdefault(attack_words(page, metric), {})[metric] = eps
    panels = []
    for words, radii in metrics.items():
        if len(set(radii.values())) == 1 and all(is_noise(page, metric) for metric in radii):
            continue  # the noises of a recipe differ in what they aim at: one point of each tells less than the table
        places = {page.natural: 0.0, **radii} if page.natural else dict(radii)
        points: list[Point] = []
        for row in shown:
            for metric, eps in sorted(places.items(), key=lambda place: place[1]):
                found = estimate(page.accuracy.get((row, metric or ""), []))
                if metric and found:
                    points.append(_point(page, row, row, metric, eps, found))
        if points:
            spread = _listed(sorted(places.values()))
            spoken = f"Accuracy against eps under {words}, from {spread}, for {len(shown)} networks."
            spec = line_panel(points, shown, x_title="eps (pixels in [0, 1])", x_axis=_radii_axis(points), tips=_TIPS)
            panels.append(Panel(words, spoken, points, spec))
    if not panels:
        return None
    caption = "Bands and bars are 95 % intervals; eps 0 is natural accuracy." + paper_note(panels)
    everything = [row for row in page.all_rows if _attacked(page, row)]
    if len(shown) < len(everything):
        caption += f" {len(shown)} of {len(everything)} networks are drawn; the table has them all."
    return Chart("accuracy-eps", "Accuracy against attack strength", caption, shown, panels)


def _against_sparsity(page: Page) -> Chart | None:
    """A panel for each metric, a line for each family of rows, which starts at its unpruned network."""
    tree = family_tree(page)
    by_name = {row.name: row for row in tree}
    families = {name: [by_name[rows[0].base or ""], *rows] for name, rows in by_family(tree).items()}
    series = list(families)[:SERIES]
    panels = []
    for metric in page.accuracy_metrics:
        points: list[Point] = []
        for family in series:
            for row in sorted(families[family], key=lambda row: row.removed):
                found = estimate(page.accuracy.get((row.name, metric), []))
                if found is not None:
                    points.append(_point(page, family, row.name, metric, 100 * row.removed, found))
        if len({point["x"] for point in points}) > 1:
            spoken = f"Accuracy under {metric} against the percentage of weights removed."
            spec = line_panel(points, series, x_title="weights removed (%)", x_axis={"tickCount": 5}, tips=_TIPS)
            panels.append(Panel(metric, spoken, points, spec))
    if not panels:
        return None
    caption = "Each line starts at the unpruned network it came from." + paper_note(panels)
    if any(not row.measured for family in series for row in families[family]):
        caption += " Where no zeros were measured, the rate in the name is used."
    if len(series) < len(families):
        caption += f" {len(series)} of {len(families)} families are drawn."
    return Chart("accuracy-sparsity", "Accuracy against sparsity", caption, series, panels)


def _relative_cost(page: Page) -> Chart | None:
    """Bars in percent of the unpruned network."""
    spent = costs(page)
    compared, tree = references(page, spent), family_tree(page)
    pruned = {row.name for row in tree if row.base is not None}
    kept = [row.name for row in featured(tree, SERIES)]
    forms = [form for form in ("dense", "masked", "shrunk") if any(cost.form == form for cost in spent)]
    panels = []
    for metric, batch in dict.fromkeys((cost.metric, cost.batch) for cost in spent if cost.form):
        bars: list[Point] = []
        told = False  # a network compared with itself tells nothing
        for cost in spent:
            reference = compared.get(cost)
            if (cost.metric, cost.batch) != (metric, batch) or cost.row not in kept or reference is None:
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
    return Chart("cost", "Relative cost", caption, forms, panels)


def cost_title(metric: str, batch: int | None) -> str:
    """ "Latency, batch 128"."""
    title = _COST_TITLES.get(metric, metric)
    return title if batch is None else f"{title}, batch {batch}"


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


def _point(page: Page, series: str, row: str, metric: str, x: float, found: Estimate) -> Point:
    paper = page.paper(row, metric)
    shown = f"{percent(found.value, 2)} %" + ("" if paper is None else f" (paper {paper:g} %)")
    return {
        "series": series,
        "row": row,
        "where": metric,
        "x": x,
        "value": 100 * found.value,
        "low": 100 * found.low,
        "high": 100 * found.high,
        "paper": paper,
        "shown": shown,
        "interval": f"{percent(found.low, 2)} to {percent(found.high, 2)} %",
        "seeds": " ".join(map(str, found.seeds)),
    }


def _attacked(page: Page, row: str) -> bool:
    return any(name == row and eps_of(page, metric) is not None for name, metric in page.accuracy)


def _radii_axis(points: Sequence[Point]) -> Spec:
    """A tick at each radius that was measured, written as in the recipe."""
    radii = sorted({float(point["x"] or 0) for point in points})
    spelled = " : ".join(f"abs(datum.value - {eps!r}) < 1e-9 ? '{radius(eps)}'" for eps in radii)
    return {"values": radii, "labelExpr": f"{spelled} : ''"}


def _listed(radii: Sequence[float]) -> str:
    return f"{radius(radii[0])} to {radius(radii[-1])}"
