"""Accuracy against the strength of the attacks."""

from collections.abc import Iterable, Sequence

from ...results import estimate
from ..accuracy_points import TIPS, accuracy_point
from ..attacks import aims, attack_words, eps_of
from ..charts import POINTS, SERIES, Chart, Panel, Point, Spec, line_panel, paper_note, readable
from ..families import featured, networks
from ..page import Page
from ..template import fill
from ..words import radius
from .view import View

_FEW = 4  # lines that one panel shows without a tangle


def view(page: Page) -> View | None:
    """None where nothing is attacked."""
    chart = against_eps(page)
    if chart is None:
        return None
    html = fill("views/chart.html", chart=chart)
    return View(name=chart.name, nav="Attack strength", title=chart.title, html=html, charts=[chart])


def against_eps(page: Page) -> Chart | None:
    """A panel for each attack (its options but eps and step size), a line for each network; where there are many lines,
    a panel for each attack and each unpruned network with those that were pruned from it.
    """
    attacks = _attacks(page)
    metrics = [metric for radii in attacks.values() for metric in radii]
    everything = [row for row in networks(page) if _attacked(page, row.name, metrics)]
    shown = [row.name for row in featured(everything, SERIES)]
    panels, lower = [], False
    for words, radii in attacks.items():
        norm = next(first.norm for metric in radii if (first := page.first(metric)) is not None)
        places = {page.natural: 0.0, **radii} if page.natural else dict(radii)
        for base, rows in _together(page, shown).items():
            points: list[Point] = []
            attacked = [row for row in rows if _attacked(page, row, radii)]  # others would be a lone point at 0
            for row in attacked:
                for metric, eps in sorted(places.items(), key=lambda place: place[1]):
                    found = estimate(page.accuracy.get((row, metric), []))
                    if found:
                        points.append(accuracy_point(page, row, row, metric, eps, found))
            if points:
                proved = _proved(page, attacked, norm)
                title = f"{words} · {base}" if base else words
                spread = _listed(sorted(places.values()))
                panels.append(
                    _panel(title, f"{words}, from {spread}, for {len(attacked)} networks", points, proved, shown)
                )
                lower = lower or bool(proved)
    if not panels:
        return None
    caption = "Bars are 95 % intervals; eps 0 is natural accuracy." + paper_note(panels)
    if lower:
        caption += " Dashed lines: the share of images proved to stand; robust accuracy lies between the two."
    if len(shown) < len(everything):
        caption += f" {len(shown)} of {len(everything)} networks are drawn; the table has them all."
    return Chart("accuracy-eps", "Accuracy against attack strength", caption, shown, panels, POINTS)


def _attacks(page: Page) -> dict[str, dict[str, float]]:
    """The measures of each attack with their radii. Where two of them have the same radius, such as noises that were
    made on different networks, they are of different lines, and the measures are named.

    The noises of a recipe differ in what they aim at. Of one radius of such a noise a point tells less than the table.
    """
    lines: dict[str, list[dict[str, float]]] = {}
    for metric in page.accuracy_metrics:
        eps = eps_of(page, metric)
        if eps is None:
            continue
        same = lines.setdefault(attack_words(page, metric), [])
        line = next((radii for radii in same if eps not in radii.values()), None)
        if line is None:
            same.append(line := {})
        line[metric] = eps
    return {
        words if len(same) == 1 else f"{words}: {', '.join(radii)}": radii
        for words, same in lines.items()
        for radii in same
        if len(radii) > 1 or not all(aims(page, metric) for metric in radii)
    }


def _together(page: Page, shown: Sequence[str]) -> dict[str, list[str]]:
    """The networks of each panel, by the unpruned one that they come from; all in one where they are few."""
    if len(shown) <= _FEW:
        return {"": list(shown)}
    found: dict[str, list[str]] = {}
    for row in shown:
        found.setdefault(page.grid.by_name[row].base or row, []).append(row)
    return found if len(found) > 1 and all(len(rows) > 1 for rows in found.values()) else {"": list(shown)}


def _panel(title: str, said: str, points: Sequence[Point], proved: Sequence[Point], series: Sequence[str]) -> Panel:
    spoken = f"Accuracy against eps under {said}."
    if proved:
        spoken += " Dashed, from below: the share of images proved to stand."
    both = [*points, *proved]
    span = (min(float(p["x"] or 0) for p in both), max(float(p["x"] or 0) for p in both))
    spec = line_panel(
        points,
        series,
        x_title="eps (pixels in [0, 1])",
        x_axis=_radii_axis(both),
        x_domain=span,
        tips=TIPS,
        proved=proved,
    )
    return Panel(title, spoken, both, spec)


def _proved(page: Page, shown: Sequence[str], norm: str | None) -> list[Point]:
    """For each network and radius of that norm the largest share that any method proved; all of them are true."""
    points: list[Point] = []
    for row in shown:
        best: dict[float, Point] = {}
        for (name, metric), cells in page.certified.items():
            if name == row and cells[0].record.norm == norm and (found := estimate(cells)) is not None:
                eps = cells[0].record.eps
                point = accuracy_point(page, row, row, metric, eps, found)
                best[eps] = max(best.get(eps, point), point, key=lambda held: float(held["value"] or 0))
        natural = estimate(page.accuracy.get((row, page.natural), [])) if page.natural else None
        if best and natural is not None and page.natural:
            best.setdefault(0.0, accuracy_point(page, row, row, page.natural, 0.0, natural))
        points += [best[eps] for eps in sorted(best)]
    return points


def _attacked(page: Page, row: str, metrics: Iterable[str]) -> bool:
    return any((row, metric) in page.accuracy for metric in metrics)


def _radii_axis(points: Sequence[Point]) -> Spec:
    """A tick at each radius that was measured and can be read, written as in the recipe."""
    radii = sorted({float(point["x"] or 0) for point in points})
    spelled = " : ".join(f"abs(datum.value - {eps!r}) < 1e-9 ? '{radius(eps)}'" for eps in radii)
    return {"values": readable(radii), "labelExpr": f"{spelled} : ''"}


def _listed(radii: Sequence[float]) -> str:
    return f"{radius(radii[0])} to {radius(radii[-1])}"
