"""The table of networks that rules picked from sweeps, and `selected.csv`: decided already, only written out here."""

from dataclasses import dataclass

from ...claims import Selected, Tried
from ...results import difference, estimate
from ..csv_text import csv_text
from ..page import Page
from ..template import fill
from ..words import percent, points
from .view import View

_HEADER = ("selection", "outcome", "row", "rate", "published", "changes", "rule", "note")


@dataclass(frozen=True)
class Held:
    """What a selected network kept under one measure."""

    value: str
    change: str
    """Points against the unpruned network; empty without it, and under alarm."""
    interval: str


@dataclass(frozen=True)
class Attempt:
    """One network of the sweep that a selection was made from."""

    row: str
    rate: str
    mark: str
    """ "picked", "passes", "fails" or "not known"."""
    changes: str


@dataclass(frozen=True)
class SelectedLine:
    """A row of the table of selections."""

    name: str
    rule: str
    outcome: str
    """The row that was picked, or why none is."""
    picked: bool
    rate: str
    paper: str
    note: str
    places: list[Held | None]
    sweep: list[Attempt]


def view(page: Page) -> View | None:
    """None where the recipe selects nothing."""
    if not page.selections:
        return None
    html = fill("views/selected.html", metrics=page.accuracy_metrics, lines=selected_lines(page))
    files = {"selected.csv": selected_csv(page)}
    return View(name="selected", nav="Selected", title="Selected", html=html, files=files)


def selected_csv(page: Page) -> str:
    """What each rule picked: `picked`, `none` or `unknown`, rates in percent, changes in points of percentage.

    The sweep itself is in `results.csv`.
    """
    return csv_text(_HEADER, [_csv_line(selected) for selected in page.selections])


def selected_lines(page: Page) -> list[SelectedLine]:
    """The table of selections, with the accuracy of what was picked under every measure."""
    lines = []
    for selected in page.selections:
        picked = selected.picked
        none = "no network passes" if selected.settled else "cannot be told yet"
        lines.append(
            SelectedLine(
                name=selected.name,
                rule=selected.rule,
                outcome=none if picked is None else picked.row,
                picked=picked is not None,
                rate="" if picked is None else _rate(picked.rate),
                paper="" if selected.published is None else _rate(selected.published),
                note=selected.note,
                places=[
                    None if picked is None else _held(page, picked.row, selected.than, metric)
                    for metric in page.accuracy_metrics
                ],
                sweep=[_attempt(tried, tried is picked) for tried in selected.sweep],
            )
        )
    return lines


def _held(page: Page, row: str, than: str, metric: str) -> Held | None:
    ours, unpruned = page.accuracy.get((row, metric), []), page.accuracy.get((than, metric), [])
    found, change = estimate(ours), difference(ours, unpruned)
    if found is None:
        return None
    bound = "≤ " if page.rings(metric, row) else ""
    if change is None or page.rings(metric, row, than):
        return Held(f"{bound}{percent(found.value, 2)}", "", "")
    interval = f"{points(change.low, 2)} – {points(change.high, 2)}"
    return Held(percent(found.value, 2), points(change.value, 2), interval)


def _attempt(tried: Tried, picked: bool) -> Attempt:
    mark = {True: "passes", False: "fails", None: "not known"}[tried.passes]
    changes = ", ".join(f"{metric} {points(change / 100, 2)}" for metric, change in tried.changes.items())
    return Attempt(tried.row, _rate(tried.rate), "picked" if picked else mark, changes)


def _rate(rate: float) -> str:
    return f"{100 * rate:.4g} %"


def _csv_line(selected: Selected) -> list[str]:
    picked = selected.picked
    outcome = "unknown" if not selected.settled else "none" if picked is None else "picked"
    changes = {} if picked is None else picked.changes
    return [
        selected.name,
        outcome,
        "" if picked is None else picked.row,
        "" if picked is None else f"{100 * picked.rate:.4g}",
        "" if selected.published is None else f"{100 * selected.published:.4g}",
        "; ".join(f"{metric} {change:+.2f}" for metric, change in changes.items()),
        selected.rule,
        selected.note,
    ]
