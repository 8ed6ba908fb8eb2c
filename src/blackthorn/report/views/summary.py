"""What to understand in ten seconds: what pruning did to accuracy, robustness, size and speed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...results import estimate
from ..cards import Card, alone, compared
from ..costs import Cost, costs
from ..families import PRUNED, Network, featured, mean_zeros, networks
from ..page import Page
from ..template import fill
from ..verdict import verdict
from ..words import names, percent
from .view import View

_TABS = 8  # networks that fit beside each other, in two lines


@dataclass(frozen=True)
class Summary:
    """The cards of one network, beside the unpruned one it came from."""

    row: str
    base: str | None
    lede: str
    cards: list[Card]
    selected: str = ""
    """The selections that picked it."""


def view(page: Page) -> View | None:
    """None before anything is measured."""
    found = summaries(page)
    if not found:
        return None
    title = "What pruning did" if found[0].base else "In short"
    return View(name="summary", title=title, html=fill("views/summary.html", summaries=found))


def summaries(page: Page, limit: int = _TABS) -> list[Summary]:
    """Networks against their unpruned ones: those that the recipe selects, else the best; then the most pruned of each
    family. The page opens on the first. Where nothing is pruned, each network by itself.
    """
    rows, spent = networks(page), costs(page)
    pruned = {row.name: row for row in rows if row.base is not None and _measured(page, row.name)}
    if not pruned:
        shown = [row.name for row in featured(rows, limit) if _measured(page, row.name)]
        return [Summary(row, None, verdict(page, row), alone(page, row, spent)) for row in shown]
    picked: dict[str, list[str]] = {}
    for selected in page.selections:
        if selected.picked is not None and selected.picked.row in pruned:
            picked.setdefault(selected.picked.row, []).append(selected.name)
    than = {s.picked.row: s.than for s in page.selections if s.picked is not None and _measured(page, s.than)}
    heaviest: dict[str, Network] = {}
    for row in pruned.values():
        if row.family not in heaviest or row.removed > heaviest[row.family].removed:
            heaviest[row.family] = row
    first = list(picked) or [best(page, list(pruned.values()), spent)]
    shown = list(dict.fromkeys([*first, *(row.name for row in heaviest.values())]))[:limit]
    made = [_compared(page, pruned[row], than.get(row) or pruned[row].base or "", spent) for row in shown]
    return [replace(one, selected=names([f"“{name}”" for name in picked.get(one.row, [])])) for one in made]


def best(page: Page, rows: Sequence[Network], spent: Sequence[Cost]) -> str:
    """The network that lost least that can be told, of those the one that gained most in size and speed, and of those
    the one of which most stands under the strongest attack.
    """

    by_row: dict[str, list[Cost]] = {}
    for cost in spent:
        by_row.setdefault(cost.row, []).append(cost)

    def worth(row: Network) -> tuple[int, int, float, float]:
        base = row.base or ""
        both = [*by_row.get(base, []), *by_row.get(row.name, [])]
        tones = [(card.label, card.tone) for card in compared(page, row.name, base, both)]
        lost = sum(tone == "worse" for label, tone in tones if label in ("Accuracy", "Robustness"))
        gained = sum(tone == "better" for label, tone in tones if label in ("Size", "Speed"))
        return -lost, gained, _standing(page, row.name), row.removed

    return max(rows, key=worth).name


def _standing(page: Page, row: str) -> float:
    """Accuracy under the strongest attack; 0 where there is none, and where an alarm rang."""
    found = [
        0.0 if page.rings(metric, row) else held.value
        for metric in page.accuracy_metrics
        if page.attack(metric) and (held := estimate(page.accuracy.get((row, metric), []))) is not None
    ]
    return min(found, default=0.0)


def _measured(page: Page, row: str) -> bool:
    return row in page.accuracy_of


def _compared(page: Page, row: Network, base: str, spent: Sequence[Cost]) -> Summary:
    cards = compared(page, row.name, base, spent)
    removed = f"{percent(row.removed).removesuffix('.0')} %"
    start = f"Removing {removed} of the weights of “{base}”"
    filters = mean_zeros(page, row.name).get("filters", 0.0)
    if row.measured and filters >= PRUNED:
        gone = percent(filters).removesuffix(".0")
        start += f", and with them {gone} % of the filters,"
    if not row.measured:
        start = f"Pruning “{base}” by {removed}"
    moved = [card.told for card in cards if card.label in ("Accuracy", "Robustness")]
    if len(moved) == 2 and moved[1].partition(" ")[0] == moved[0].partition(" ")[0]:
        moved[1] = moved[1].partition(" ")[2]  # "cost 1 point and 2 points", not "cost ... and cost ..."
        if "cannot be told" in moved[0]:
            moved[1] = moved[1].replace("cannot be told from these images", "cannot be told either")
    bought = [card.told for card in cards if card.label in ("Size", "Speed")]
    lede = " ".join(part for part in (start, " and ".join(moved)) if part).removesuffix(",") + "."
    if bought:
        lede += f" The network {' and '.join(bought)}."
    return Summary(row.name, base, lede if moved else f"{row.name}, beside {base}.", cards)
