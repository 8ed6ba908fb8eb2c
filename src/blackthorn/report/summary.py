"""What a person should understand in ten seconds: what pruning did to accuracy, robustness, size and speed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .costs import Cost, costs
from .estimates import Difference, difference, estimate
from .families import Row, family_tree, featured
from .records import Page
from .words import amount, percent, points, ratio

Tone = Literal["better", "worse", "same", "plain"]


@dataclass(frozen=True)
class Card:
    """One statistic: its name, the number in large type, a sentence, and whether that is good news."""

    label: str
    big: str
    unit: str
    sentence: str
    tone: Tone


@dataclass(frozen=True)
class Summary:
    """The cards of one network, beside the unpruned one it came from."""

    row: str
    base: str | None
    lede: str
    cards: list[Card]


def summaries(page: Page, limit: int = 6) -> list[Summary]:
    """The most pruned network of each family against its unpruned relative; else each network by itself."""
    tree, spent = family_tree(page), costs(page)
    heaviest: dict[str, Row] = {}
    for row in tree:
        if row.base is not None and _measured(page, row.name):
            known = heaviest.get(row.family)
            if known is None or row.removed > known.removed:
                heaviest[row.family] = row
    if heaviest:
        return [_compared(page, row, spent) for row in list(heaviest.values())[:limit]]
    alone = [row for row in featured(tree, limit) if _measured(page, row.name)]
    return [_alone(page, row.name, spent) for row in alone]


def _measured(page: Page, row: str) -> bool:
    return any(name == row for name, _ in page.accuracy)


def _compared(page: Page, row: Row, spent: Sequence[Cost]) -> Summary:
    assert row.base is not None  # only pruned rows come here
    made = (
        _natural_change(page, row.name, row.base),
        _robust_change(page, row.name, row.base),
        _size_change(row.name, row.base, spent),
        _speed_change(row.name, row.base, spent),
    )
    removed = f"{percent(row.removed, 0 if row.removed < 0.985 else 1).removesuffix('.0')} %"
    lede = f"{row.name} beside {row.base}: {removed} of the weights removed" + (
        "." if row.measured else ", by its name."
    )
    return Summary(row.name, row.base, lede, [card for card in made if card is not None])


def _natural_change(page: Page, row: str, base: str) -> Card | None:
    metric = page.natural
    change = _change(page, row, base, metric)
    if metric is None or change is None:
        return None
    return _change_card("Accuracy", page, row, base, metric, change, "on unchanged test images")


def _robust_change(page: Page, row: str, base: str) -> Card | None:
    """The attack under which accuracy moved most, so that a network broken by one attack is not hidden by another."""
    changes = {
        metric: change
        for metric in page.accuracy_metrics
        if page.attack(metric) and (change := _change(page, row, base, metric)) is not None
    }
    if not changes:
        return None
    metric = min(changes, key=lambda name: changes[name].value)
    where = f"under {metric}" + (
        f", the least favourable of {len(changes)} attacks" if len(changes) > 1 else ""
    )
    return _change_card("Robustness", page, row, base, metric, changes[metric], where)


def _change(page: Page, row: str, base: str, metric: str | None) -> Difference | None:
    if metric is None:
        return None
    return difference(page.accuracy.get((row, metric), []), page.accuracy.get((base, metric), []))


def _change_card(
    label: str, page: Page, row: str, base: str, metric: str, change: Difference, where: str
) -> Card:
    before, after = estimate(page.accuracy[base, metric]), estimate(page.accuracy[row, metric])
    assert before is not None and after is not None  # a difference needs both
    tone: Tone = "same" if not change.tells else "better" if change.value > 0 else "worse"
    doubt = "" if change.tells else " Too small a change for these images to tell from none."
    interval = f"95 %: {points(change.low)} to {points(change.high)}"
    moved = f"{percent(before.value)} → {percent(after.value)} % {where} ({interval}).{doubt}"
    return Card(label, points(change.value), "points", moved, tone)


def _size_change(row: str, base: str, spent: Sequence[Cost]) -> Card | None:
    for metric, words in (
        ("bytes", "on disk"),
        ("parameters", "parameters"),
        ("nonzero", "non-zero weights"),
    ):
        pair = _pair(row, base, metric, None, spent)
        if pair is not None:
            before, after = pair
            told = ratio(before.value, after.value, "smaller", "larger", "same size")
            big, _, unit = told.partition(" ") if "×" in told else (told, "", "")
            tone: Tone = "same" if not unit else "better" if unit == "smaller" else "worse"
            kept = " Its zeros are stored in place." if tone == "same" and after.form == "masked" else ""
            return Card("Size", big, unit, f"{_from_to(before, after)} {words}{_form(after)}.{kept}", tone)
    return None


def _speed_change(row: str, base: str, spent: Sequence[Cost]) -> Card | None:
    """Latency at the largest batch measured for both; called the same where the spreads overlap."""
    batches = sorted({c.batch or 0 for c in spent if c.metric == "latency"}, reverse=True)
    for batch in batches:
        pair = _pair(row, base, "latency", batch or None, spent)
        if pair is None:
            continue
        before, after = pair
        told = ratio(before.value, after.value, "faster", "slower", "same speed")
        if before.low <= after.high and after.low <= before.high:
            told = "same speed"
        big, _, unit = told.partition(" ") if "×" in told else (told, "", "")
        tone: Tone = "same" if not unit else "better" if unit == "faster" else "worse"
        images = "" if not batch else " for one image" if batch == 1 else f" for {batch} images at once"
        doubt = " The spreads of the two timings overlap." if tone == "same" else ""
        return Card("Speed", big, unit, f"{_from_to(before, after)}{images}{_form(after)}.{doubt}", tone)
    return None


def _pair(
    row: str, base: str, metric: str, batch: int | None, spent: Sequence[Cost]
) -> tuple[Cost, Cost] | None:
    """The dense cost (measured beside the pruned one where it was) and the pruned one as it would be shipped."""

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
    weakest: tuple[float, str] | None = None
    for metric in page.accuracy_metrics:
        found = estimate(page.accuracy.get((row, metric), []))
        if found is None:
            continue
        if metric == page.natural:
            interval = f"95 %: {percent(found.low)} to {percent(found.high)} %"
            cards.append(
                Card(
                    "Accuracy", percent(found.value), "%", f"On unchanged test images ({interval}).", "plain"
                )
            )
        elif page.attack(metric) and (weakest is None or found.value < weakest[0]):
            weakest = found.value, metric
    if weakest is not None:
        cards.append(
            Card(
                "Robustness", percent(weakest[0]), "%", f"Under {weakest[1]}, the strongest attack.", "plain"
            )
        )
    for label, metric, words in (("Size", "bytes", "On disk"), ("Speed", "latency", "Median time")):
        held = [c for c in spent if c.row == row and c.metric == metric]
        if held:
            cost = held[-1]
            big, _, unit = amount(cost.value, cost.unit).partition(" ")
            batch = f", batch {cost.batch}" if cost.batch else ""
            cards.append(Card(label, big, unit, f"{words}{batch}.", "plain"))
    return Summary(row, None, f"{row}, not pruned.", cards)
