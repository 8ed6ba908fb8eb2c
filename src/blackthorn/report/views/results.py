"""The table of accuracies, beside those of the paper, and `results.csv`."""

from dataclasses import dataclass

from ...results import alarms, difference, estimate
from ...results.statistics import reach
from ..attacks import fooled_words, source_notes
from ..csv_text import csv_text, in_percent, listed
from ..families import mean_zeros
from ..page import Page
from ..quantised import quantised
from ..template import fill
from ..words import percent, points
from .view import View

_HEADER = ("row", "metric", "value", "low", "high", "seeds", "published")
_FEW_IMAGES = 2000  # below this a second decimal is noise: the interval is wider than a point
_LEAST_ZEROS = 0.0005  # rounds to 0.1 %


@dataclass(frozen=True)
class Measured:
    """One place of the table."""

    value: str
    interval: str
    low: float
    high: float
    at: float
    paper: str
    paper_at: float | None
    beside: str
    """ "inside", "above" or "below" the paper's number; empty without one."""
    gap: str
    aimed: str
    """Percent of images of other classes that a noise turned into its target; empty where nothing aims at a class."""
    fooled: str
    """Which tier of AutoAttack made the number, and how many images each attack fooled; empty for other attacks."""
    proved: bool
    """Whether it is a share of images proved to stand, and so at least, not at most, the robust accuracy."""
    alarm: str
    """Why the number is an upper bound that must not be compared; empty where no alarm rang."""
    moved: str
    """Points against the unpruned network; empty where there is none, and under alarm."""
    moved_interval: str
    tells: bool
    """Whether the interval of that difference leaves out zero."""


@dataclass(frozen=True)
class Line:
    """A row of the table: its name, how much of it is zero, and its places (None = not measured)."""

    name: str
    base: str
    """The unpruned network; empty for one that is not pruned."""
    zeros: str
    """The share of weights that is zero; empty for none."""
    note: str
    """The same of weights, filters and units."""
    places: list[Measured | None]


def view(page: Page) -> View:
    """Every page has it, even before anything is measured."""
    lines = accuracy_lines(page)
    measured = any(place is not None for line in lines for place in line.places)
    told = reach(len(page.seeds)) if page.seeds else ""
    moved = any(place is not None and place.moved for line in lines for place in line.places)
    said = {
        "measured": measured,
        "moved": moved,
        "sources": source_notes(page),
        "reach": told,
        "quantised": quantised(page),
    }
    html = fill("views/results.html", page=page, lines=lines, **said)
    title, nav = "Published and ours" if page.published else "Results", "Results" if measured else ""
    return View(name="results", nav=nav, title=title, html=html, files={"results.csv": results_csv(page)})


def results_csv(page: Page) -> str:
    """Accuracies in percent with two decimals, one line for each (row, metric) measured or published; after those of a
    row, its numbers in units of their own, such as vulnerability and counts, with five digits.

    The same records give the same bytes: no time, no machine. A place published but not measured has an empty
    value; `seeds` lists the seeds used, such as `0 1 2`. Where a noise aims at a class, a last column has the share of
    images of other classes that are taken for it. Where something is proved, a column says on which side of robust
    accuracy a number lies: `at most` under an attack, `at least` by a proof. Where an alarm rang, a last column says
    which: the number is then an upper bound that must not be compared, and its interval begins at 0.
    """
    aims = any(targeted_success(page, *place) is not None for place in page.accuracy)
    rings = any(alarm(page, *place) for place in page.accuracy)
    said = {"targeted_success": aims, "bounds": bool(page.certified), "alarm": rings}
    lines = []
    for row in page.rows:
        for metric in page.columns:
            ours, paper = estimate(page.shares(row, metric)), page.paper(row, metric)
            shown = ["", "", "", ""]
            if ours is not None:
                shown = [*map(in_percent, (ours.value, ours.low, ours.high)), listed(ours.seeds)]
            elif paper is None:
                continue
            success = targeted_success(page, row, metric)
            aimed = ["" if success is None else in_percent(success)] if aims else []
            side = [bounds(page, row, metric)] if page.certified else []
            rang = [alarm(page, row, metric)] if rings else []
            lines.append([row, metric, *shown, "" if paper is None else f"{paper:.2f}", *aimed, *side, *rang])
        lines += [[*line, *("" for wanted in said.values() if wanted)] for line in _plain_lines(page, row)]
    return csv_text((*_HEADER, *(name for name, wanted in said.items() if wanted)), lines)


def _plain_lines(page: Page, row: str) -> list[list[str]]:
    """The lines of a row's numbers in units of their own."""
    lines = []
    for metric in page.plain_metrics:
        found, paper = estimate(page.plain.get((row, metric), [])), page.paper(row, metric)
        if found is not None:
            shown = [*(f"{number:.5g}" for number in (found.value, found.low, found.high)), listed(found.seeds)]
            lines.append([row, metric, *shown, "" if paper is None else f"{paper:g}"])
        elif paper is not None:
            lines.append([row, metric, "", "", "", "", f"{paper:g}"])
    return lines


def bounds(page: Page, row: str, metric: str) -> str:
    """On which side of robust accuracy a number lies; empty for natural accuracy."""
    if (row, metric) in page.certified:
        return "at least"
    return "at most" if page.attack(metric) else ""


def alarm(page: Page, row: str, metric: str) -> str:
    """The alarms that rang for any seed, "zero gradients; random"; empty where none did."""
    return "; ".join(alarms(page.accuracy.get((row, metric), [])))


def targeted_success(page: Page, row: str, metric: str) -> float | None:
    """Under a universal noise, the share of images of other classes that are taken for its target: the mean over
    seeds; None where nothing aims at a class.
    """
    seen = [cell.record.targeted_success for cell in page.accuracy.get((row, metric), [])]
    shares = [share for share in seen if share is not None]
    return sum(shares) / len(shares) if shares else None


def accuracy_lines(page: Page) -> list[Line]:
    """The table, row by row."""
    few = any(
        cell.record.n < _FEW_IMAGES for row in page.rows for metric in page.columns for cell in page.shares(row, metric)
    )
    digits, printed = 1 if few else 2, _printed_decimals(page)
    return [
        Line(
            row,
            _base(page, row) or "",
            _zeros_badge(page, row),
            _zeros_note(page, row),
            [_place(page, row, metric, digits, printed) for metric in page.columns],
        )
        for row in page.rows
    ]


def _place(page: Page, row: str, metric: str, digits: int, printed: int) -> Measured | None:
    ours, paper = estimate(page.shares(row, metric)), page.paper(row, metric)
    if ours is None:
        return None
    low, high, at = 100 * ours.low, 100 * ours.high, 100 * ours.value
    success = targeted_success(page, row, metric)
    beside, gap, rang = "", "", alarm(page, row, metric)
    if paper is not None and not rang:
        gap, rounding = points((at - paper) / 100), 0.5 * 10.0**-printed
        inside = low - rounding <= paper <= high + rounding
        beside = "inside" if inside else "above" if at > paper else "below"
    return Measured(
        ("≤ " if rang else "") + percent(ours.value, digits),
        f"{percent(ours.low, digits)} – {percent(ours.high, digits)}",
        low,
        high,
        at,
        "" if paper is None else f"{paper:.{printed}f}",
        paper,
        beside,
        gap,
        "" if success is None else percent(success, 1),
        "; ".join(
            dict.fromkeys(
                fooled_words(cell.record) for cell in page.accuracy.get((row, metric), []) if cell.record.tier
            )
        ),
        (row, metric) in page.certified,
        rang,
        *_moved(page, row, metric),
    )


def _base(page: Page, row: str) -> str | None:
    held = page.grid.by_name.get(row)
    return None if held is None else held.base


def _moved(page: Page, row: str, metric: str) -> tuple[str, str, bool]:
    """Points against the unpruned network, their interval, and whether it leaves out zero."""
    base = _base(page, row) or ""
    change = difference(page.accuracy.get((row, metric), []), page.accuracy.get((base, metric), []))
    if change is None or page.rings(metric, row, base):
        return "", "", False
    return points(change.value), f"{points(change.low)} to {points(change.high)}", change.tells


def _printed_decimals(page: Page) -> int:
    """How many decimals the paper prints of accuracies: they are known to half of the last one."""
    papers = [page.paper(row, metric) for row in page.rows for metric in page.columns]
    printed = [f"{paper:.6f}".rstrip("0").partition(".")[2] for paper in papers if paper is not None]
    return max((len(decimals) for decimals in printed), default=0)


def _zeros_badge(page: Page, row: str) -> str:
    shares = mean_zeros(page, row)
    share = shares.get("weights", max(shares.values(), default=0.0))
    return f"{percent(share).removesuffix('.0')} % zeros" if share >= _LEAST_ZEROS else ""


def _zeros_note(page: Page, row: str) -> str:
    zeros = [(kind, share) for kind, share in mean_zeros(page, row).items() if share >= _LEAST_ZEROS]
    return ("zeros: " + ", ".join(f"{percent(share)} % of {kind}" for kind, share in zeros)) if zeros else ""
