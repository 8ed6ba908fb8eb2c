"""The table of networks that rules picked from sweeps: decided already, only written out here."""

from dataclasses import dataclass

from .estimates import difference, estimate
from .records import Page, Tried
from .words import percent, points


@dataclass(frozen=True)
class Held:
    """What a selected network kept under one measure."""

    value: str
    change: str
    """Points against the unpruned network; empty without it."""
    interval: str


@dataclass(frozen=True)
class Attempt:
    """One network of the sweep that a selection was made from."""

    row: str
    rate: str
    mark: str
    """ "picked", "passes", "fails" or "not measured"."""
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
    if change is None:
        return Held(percent(found.value, 2), "", "")
    interval = f"{points(change.low, 2)} – {points(change.high, 2)}"
    return Held(percent(found.value, 2), points(change.value, 2), interval)


def _attempt(tried: Tried, picked: bool) -> Attempt:
    mark = {True: "passes", False: "fails", None: "not measured"}[tried.passes]
    changes = ", ".join(f"{metric} {points(change / 100, 2)}" for metric, change in tried.changes.items())
    return Attempt(tried.row, _rate(tried.rate), "picked" if picked else mark, changes)


def _rate(rate: float) -> str:
    return f"{100 * rate:.4g} %"
