"""What to understand in ten seconds: what pruning did to accuracy, robustness, size and speed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...results import Difference, difference, estimate
from ..costs import Cost, costs
from ..families import PRUNED, Network, featured, mean_zeros, networks
from ..page import Page
from ..template import fill
from ..verdict import verdict
from ..words import amount, percent, points, ratio
from .view import View

_WIDE = 0.02  # an interval of more than 2 points from end to end cannot show that nothing changed

Tone = Literal["better", "worse", "same", "plain"]


@dataclass(frozen=True)
class Card:
    """One statistic: its name, the number in large type, a sentence, and whether that is good news."""

    label: str
    big: str
    unit: str
    sentence: str
    tone: Tone
    told: str = ""
    """The same in the words of the summary's one sentence."""


@dataclass(frozen=True)
class Summary:
    """The cards of one network, beside the unpruned one it came from."""

    row: str
    base: str | None
    lede: str
    cards: list[Card]


def view(page: Page) -> View | None:
    """None before anything is measured."""
    found = summaries(page)
    if not found:
        return None
    title = "What pruning did" if found[0].base else "In short"
    return View(name="summary", title=title, html=fill("views/summary.html", summaries=found))


def summaries(page: Page, limit: int = 6) -> list[Summary]:
    """The most pruned network of each family against its unpruned network; else each network by itself."""
    rows, spent = networks(page), costs(page)
    heaviest: dict[str, Network] = {}
    for row in rows:
        if row.base is not None and _measured(page, row.name):
            known = heaviest.get(row.family)
            if known is None or row.removed > known.removed:
                heaviest[row.family] = row
    if heaviest:
        return [_compared(page, row, row.base, spent) for row in list(heaviest.values())[:limit] if row.base]
    alone = [row for row in featured(rows, limit) if _measured(page, row.name)]
    return [_alone(page, row.name, spent) for row in alone]


def _measured(page: Page, row: str) -> bool:
    return any(name == row for name, _ in page.accuracy)


def _compared(page: Page, row: Network, base: str, spent: Sequence[Cost]) -> Summary:
    made = (
        _natural_change(page, row.name, base),
        _robust_change(page, row.name, base),
        _size_change(row.name, base, spent),
        _speed_change(row.name, base, spent),
    )
    cards = [card for card in made if card is not None]
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
    bought = [card.told for card in cards if card.label in ("Size", "Speed")]
    lede = " ".join(part for part in (start, " and ".join(moved)) if part) + "."
    if bought:
        lede += f" The network {' and '.join(bought)}."
    return Summary(row.name, base, lede if moved else f"{row.name}, beside {base}.", cards)


def _natural_change(page: Page, row: str, base: str) -> Card | None:
    change = None if page.natural is None else _change(page, row, base, page.natural)
    if page.natural is None or change is None:
        return None
    return _change_card("Accuracy", page, row, base, page.natural, change, "on unchanged test images", _told(change))


def _told(change: Difference) -> str:
    """What happened to natural accuracy. That it stayed where it was is said only where the images could tell."""
    if change.tells:
        return _moved(change, "of accuracy")
    if change.high - change.low > _WIDE:
        interval = f"{points(change.low)} to {points(change.high)} points"
        return f"had an effect on accuracy that cannot be told from these images ({interval})"
    return "left accuracy where it was, as far as these images tell,"


def _robust_change(page: Page, row: str, base: str) -> Card | None:
    """The attack under which pruning did worst: a loss must not hide behind one that breaks every network."""
    changes = {
        metric: change
        for metric in page.accuracy_metrics
        if page.attack(metric) and (change := _change(page, row, base, metric)) is not None
    }
    if not changes:
        return None
    metric = min(changes, key=lambda name: changes[name].value)
    change = changes[metric]
    where = f"under {metric}" + (f", the least favourable of {len(changes)} attacks" if len(changes) > 1 else "")
    unmoved = "made no attack more successful, as far as we can tell"
    moved = _moved(change, f"under {metric}") if change.tells else unmoved
    return _change_card("Robustness", page, row, base, metric, change, where, moved)


def _change(page: Page, row: str, base: str, metric: str) -> Difference | None:
    return difference(page.accuracy.get((row, metric), []), page.accuracy.get((base, metric), []))


def _moved(change: Difference, where: str) -> str:
    size = points(abs(change.value), _digits(change)).lstrip("+")
    return f"{'gained' if change.value > 0 else 'cost'} {size} points {where}"


def _digits(change: Difference) -> int:
    return 2 if change.high - change.low < 0.01 else 1  # a second decimal only where it means something


def _change_card(
    label: str, page: Page, row: str, base: str, metric: str, change: Difference, where: str, told: str
) -> Card:
    before, after = estimate(page.accuracy[base, metric]), estimate(page.accuracy[row, metric])
    assert before is not None and after is not None  # a difference needs both
    digits = _digits(change)
    tone: Tone = "same" if not change.tells else "better" if change.value > 0 else "worse"
    doubt = "" if change.tells else " Too small a change for these images to tell from none."
    interval = f"95 %: {points(change.low, digits)} to {points(change.high, digits)}"
    moved = f"{percent(before.value, digits)} → {percent(after.value, digits)} % {where} ({interval}).{doubt}"
    return Card(label, points(change.value, digits), "points", moved, tone, told)


def _size_change(row: str, base: str, spent: Sequence[Cost]) -> Card | None:
    for metric, words in (
        ("bytes", "on disk"),
        ("parameters", "parameters"),
        ("nonzero", "non-zero weights"),
    ):
        pair = _pair(row, base, metric, None, spent)
        if pair is not None:
            before, after = pair
            big, unit = _split(ratio(before.value, after.value, "smaller", "larger", "same size"))
            tone: Tone = "same" if big == "same" else "better" if unit == "smaller" else "worse"
            sentence = f"{_from_to(before, after)} {words}{_form(after)}."
            return Card("Size", big, unit, sentence, tone, "stays as large" if tone == "same" else f"is {big} {unit}")
    return None


def _speed_change(row: str, base: str, spent: Sequence[Cost]) -> Card | None:
    """Latency at the largest batch measured for both; called the same where the spreads overlap."""
    for batch in sorted({c.batch or 0 for c in spent if c.metric == "latency"}, reverse=True):
        pair = _pair(row, base, "latency", batch or None, spent)
        if pair is None:
            continue
        before, after = pair
        overlap = before.low <= after.high and after.low <= before.high
        told = "same speed" if overlap else ratio(before.value, after.value, "faster", "slower", "same speed")
        big, unit = _split(told)
        tone: Tone = "same" if big == "same" else "better" if unit == "faster" else "worse"
        images = "" if not batch else " for one image" if batch == 1 else f" for {batch} images at once"
        doubt = " The spreads of the two timings overlap." if overlap else ""
        sentence = f"{_from_to(before, after)}{images}{_form(after)}.{doubt}"
        return Card("Speed", big, unit, sentence, tone, "runs no faster" if tone == "same" else f"runs {big} {unit}")
    return None


def _split(told: str) -> tuple[str, str]:
    big, _, unit = told.partition(" ")
    return big, unit


def _pair(row: str, base: str, metric: str, batch: int | None, spent: Sequence[Cost]) -> tuple[Cost, Cost] | None:
    """The dense cost (measured beside the pruned one where it was) and the pruned one as shipped."""

    def pick(name: str, forms: Sequence[str]) -> Cost | None:
        held = {c.form: c for c in spent if (c.row, c.metric, c.batch) == (name, metric, batch)}
        return next((held[form] for form in forms if form in held), None)

    before = pick(row, ("dense",)) or pick(base, ("dense", "masked", ""))
    after = pick(row, ("shrunk", "masked", ""))
    return None if before is None or after is None else (before, after)


def _from_to(before: Cost, after: Cost) -> str:
    return f"{amount(before.value, before.unit)} → {amount(after.value, after.unit)}"


def _form(cost: Cost) -> str:
    return f", {cost.form}" if cost.form in ("shrunk", "masked") else ""


def _alone(page: Page, row: str, spent: Sequence[Cost]) -> Summary:
    cards = []
    attacked = []
    for metric in page.accuracy_metrics:
        found = estimate(page.accuracy.get((row, metric), []))
        if found is None:
            continue
        interval = f"95 %: {percent(found.low)} to {percent(found.high)} %"
        if metric == page.natural:
            on = f"On {found.n:,} unchanged test images" if found.n else "On unchanged test images"
            cards.append(Card("Accuracy", percent(found.value), "%", f"{on} ({interval}).", "plain"))
        elif page.attack(metric):
            under = f"Under {metric}, the strongest attack ({interval})."
            attacked.append((found.value, Card("Robustness", percent(found.value), "%", under, "plain")))
    if attacked:
        cards.append(min(attacked, key=lambda pair: pair[0])[1])
    for label, metric, words in (("Size", "bytes", "On disk"), ("Speed", "latency", "Median time")):
        held = [c for c in spent if c.row == row and c.metric == metric]
        if held:
            big, unit = _split(amount(held[-1].value, held[-1].unit))
            batch = f", batch {held[-1].batch}" if held[-1].batch else ""
            cards.append(Card(label, big, unit, f"{words}{batch}.", "plain"))
    return Summary(row, None, verdict(page, row), cards)
