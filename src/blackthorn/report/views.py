"""The page's tables as small records ready for the template: no numbers are made here, only written out."""

from dataclasses import dataclass

from .costs import COST_METRICS, Cost, costs, references
from .estimates import estimate
from .families import sparsities
from .figures import cost_title
from .records import Page, number, text
from .words import amount, names, percent, points, ratio

_FEW_IMAGES = 2000  # below this a second decimal is noise: the interval is wider than a point


@dataclass(frozen=True)
class Measured:
    """One place of the accuracy table."""

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


@dataclass(frozen=True)
class Line:
    """A row of a table: its name, a note under it, and its places (None = not measured)."""

    name: str
    note: str
    places: list[Measured | None]


@dataclass(frozen=True)
class Spent:
    """One place of the cost table."""

    value: str
    spread: str
    against: str


@dataclass(frozen=True)
class CostLine:
    """One network in one form."""

    name: str
    form: str
    first: bool
    """Whether this is the first line of its network."""
    places: list[Spent | None]


def accuracy_lines(page: Page) -> list[Line]:
    """The accuracy table, row by row."""
    found = {place: estimate(cells) for place, cells in page.accuracy.items()}
    few = any(e is not None and e.n < _FEW_IMAGES for e in found.values())
    digits, printed = 1 if few else 2, _printed_decimals(page)
    rounding = 0.5 * 10.0**-printed
    lines = []
    for row in page.all_rows:
        places: list[Measured | None] = []
        for metric in page.accuracy_metrics:
            ours, paper = found.get((row, metric)), page.paper(row, metric)
            if ours is None:
                places.append(None)
                continue
            low, high, at = 100 * ours.low, 100 * ours.high, 100 * ours.value
            success = page.targeted_success(row, metric)
            beside, gap = "", ""
            if paper is not None:
                gap = points((at - paper) / 100)
                inside = low - rounding <= paper <= high + rounding
                beside = "inside" if inside else "above" if at > paper else "below"
            places.append(
                Measured(
                    percent(ours.value, digits),
                    f"{percent(ours.low, digits)} – {percent(ours.high, digits)}",
                    low,
                    high,
                    at,
                    "" if paper is None else f"{paper:.{printed}f}",
                    paper,
                    beside,
                    gap,
                    "" if success is None else percent(success, 1),
                )
            )
        lines.append(Line(row, _removed_note(page, row), places))
    return lines


def cost_columns(page: Page) -> list[tuple[str, int | None]]:
    """(metric, batch) of every column of the cost table."""
    seen = dict.fromkeys((cost.metric, cost.batch) for cost in costs(page))
    ordered = {metric: place for place, metric in enumerate(COST_METRICS)}
    return sorted(seen, key=lambda column: (ordered.get(column[0], len(ordered)), column[0], column[1] or 0))


def cost_titles(page: Page) -> list[str]:
    """The headings of the cost table."""
    return [cost_title(metric, batch) for metric, batch in cost_columns(page)]


def cost_lines(page: Page) -> list[CostLine]:
    """The cost table: a line for each network and form."""
    spent = costs(page)
    held, compared = {(c.row, c.form, c.metric, c.batch): c for c in spent}, references(page, spent)
    lines: list[CostLine] = []
    for row, form in dict.fromkeys((cost.row, cost.form) for cost in spent):
        places = [held.get((row, form, *column)) for column in cost_columns(page)]
        first = not lines or lines[-1].name != row
        lines.append(CostLine(row, form, first, [None if c is None else _spent(c, compared.get(c)) for c in places]))
    return lines


def warnings(page: Page) -> list[tuple[str, str]]:
    """Each warning once, with where it was raised."""
    raised: dict[str, dict[str, None]] = {}
    for cell in page.cells:
        read = cell.record.get("warnings")
        for words in read if isinstance(read, (list, tuple)) else []:
            raised.setdefault(str(words), {})[f"{cell.row} / {cell.metric}"] = None
    return [(words, names(list(places), 6)) for words, places in raised.items()]


def provenance(page: Page) -> list[tuple[str, str]]:
    """What the caller says, then what the records say; a fact with several values shows them all."""
    told = {str(name): str(held) for name, held in page.provenance.items()}
    said = {name.lower() for name in told}
    if "seeds" not in said:
        told["seeds"] = " ".join(map(str, sorted({cell.seed for cell in page.cells})))
    for name in ("dataset", "model", "version", "commit", "torch", "device", "threads", "precision"):
        if name not in said:
            told[name] = names(list(dict.fromkeys(filter(None, (text(c.record, name) for c in page.cells)))), 6)
    if "seconds" not in said:
        measured = {(c.row, c.metric, c.seed): number(c.record, "seconds") or 0.0 for c in page.cells}
        told["time spent measuring"] = f"{sum(measured.values()):.0f} s" if any(measured.values()) else ""
    return [(name, held) for name, held in told.items() if held]


def _printed_decimals(page: Page) -> int:
    """How many decimals the paper prints: its numbers are known to half of the last one."""
    held = [] if page.published is None else page.published.values.values()
    printed = [f"{paper:.6f}".rstrip("0").partition(".")[2] for row in held for paper in row.values()]
    return max((len(decimals) for decimals in printed), default=0)


def _removed_note(page: Page, row: str) -> str:
    kinds = {kind: sparsities(page, row, kind) for kind in ("weights", "filters", "units")}
    zeros = [(kind, sum(seen) / len(seen)) for kind, seen in kinds.items() if seen and sum(seen) / len(seen) >= 0.0005]
    return ("zeros: " + ", ".join(f"{percent(share)} % of {kind}" for kind, share in zeros)) if zeros else ""


def _spent(cost: Cost, reference: Cost | None) -> Spent:
    against = ""
    if reference is not None and reference != cost:
        better, worse = {"latency": ("faster", "slower"), "bytes": ("smaller", "larger")}.get(
            cost.metric, ("fewer", "more")
        )
        against = ratio(reference.value, cost.value, better, worse, "same")
        if cost.metric == "latency" and cost.low <= reference.high and reference.low <= cost.high:
            against = "same, within spread"
    spread = "" if cost.low == cost.high else f"{amount(cost.low, '')} – {amount(cost.high, cost.unit)}"
    return Spent(amount(cost.value, cost.unit), spread, against)
