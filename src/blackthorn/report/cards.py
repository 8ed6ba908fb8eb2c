"""The statistics at the head of a page, a card for each: what pruning did to accuracy, robustness, size and speed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..results import Difference, alarms, difference, estimate
from .costs import Cost
from .page import Page
from .words import amount, names, percent, points, ratio

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


def compared(page: Page, row: str, base: str, spent: Sequence[Cost]) -> list[Card]:
    """A network beside the unpruned one: what is measured of both."""
    made = (
        _natural_change(page, row, base),
        _robust_change(page, row, base),
        _size_change(row, base, spent),
        _speed_change(row, base, spent),
    )
    return [card for card in made if card is not None]


def alone(page: Page, row: str, spent: Sequence[Cost]) -> list[Card]:
    """A network by itself."""
    cards: list[Card] = []
    attacked: list[tuple[float, Card]] = []
    for metric in page.accuracy_metrics:
        cells = page.accuracy.get((row, metric), [])
        found = estimate(cells)
        if found is None:
            continue
        interval = f"95 %: {percent(found.low)} to {percent(found.high)} %"
        if metric == page.natural:
            on = f"On {found.n:,} unchanged test images" if found.n else "On unchanged test images"
            cards.append(Card("Accuracy", percent(found.value), "%", f"{on} ({interval}).", "plain"))
        elif page.attack(metric):
            rang = alarms(cells)
            under = f"Under {metric}, the strongest attack ({interval})."
            under += f" An alarm rang ({', '.join(rang)}): not to be compared." if rang else ""
            shown = f"{'≤ ' * bool(rang)}{percent(found.value)}"
            attacked.append((found.value, Card("Robustness", shown, "%", under, "plain")))
    if attacked:
        cards.append(min(attacked, key=lambda pair: pair[0])[1])
    for label, metric, words in (("Size", "bytes", "On disk"), ("Speed", "latency", "Median time")):
        held = [c for c in spent if c.row == row and c.metric == metric]
        if held:
            big, unit = _split(amount(held[-1].value, held[-1].unit))
            batch = f", batch {held[-1].batch}" if held[-1].batch else ""
            cards.append(Card(label, big, unit, f"{words}{batch}.", "plain"))
    return cards


def _natural_change(page: Page, row: str, base: str) -> Card | None:
    change = None if page.natural is None else _change(page, row, base, page.natural)
    if page.natural is None or change is None:
        return None
    still = "left accuracy where it was, as far as these images tell,"
    told = _told(change, "of accuracy", "on accuracy", still)
    return _change_card("Accuracy", page, row, base, page.natural, change, "on unchanged test images", told)


def _robust_change(page: Page, row: str, base: str) -> Card | None:
    """The attack under which pruning did worst: a loss must not hide behind one that breaks every network.

    A number under alarm is an upper bound and is not compared; that there is one is said.
    """
    changes = {
        metric: change
        for metric in page.accuracy_metrics
        if page.attack(metric) and (change := _change(page, row, base, metric)) is not None
    }
    if not changes:
        return None
    rung = [metric for metric in changes if page.rings(metric, row, base)]
    kept = {metric: change for metric, change in changes.items() if metric not in rung}
    doubt = f" Not compared, since an alarm rang: {names(rung)}." if rung else ""
    if not kept:
        told = "had an effect under attack that is not known, since an alarm rang,"
        return Card("Robustness", "not known", "", doubt.strip(), "same", told)
    metric = min(kept, key=lambda name: kept[name].value)
    change = kept[metric]
    where = f"under {metric}" + (f", the least favourable of {len(kept)} attacks" if len(kept) > 1 else "")
    apart = " without an alarm" if rung else ""
    still = f"made no attack{apart} more successful, as far as these images tell,"
    told = _told(change, f"under {metric}", f"under {metric}", still)
    return _change_card("Robustness", page, row, base, metric, change, where, told, doubt)


def _change(page: Page, row: str, base: str, metric: str) -> Difference | None:
    return difference(page.accuracy.get((row, metric), []), page.accuracy.get((base, metric), []))


def _told(change: Difference, moved: str, unknown: str, still: str) -> str:
    """What happened. That nothing did is said only where the images could tell."""
    if change.tells:
        size = points(abs(change.value), _digits(change)).lstrip("+")
        return f"{'gained' if change.value > 0 else 'cost'} {size} points {moved}"
    if change.wide:
        interval = f"{points(change.low)} to {points(change.high)} points"
        return f"had an effect {unknown} that cannot be told from these images ({interval})"
    return still


def _digits(change: Difference) -> int:
    return 2 if change.high - change.low < 0.01 else 1  # a second decimal only where it means something


def _change_card(
    label: str, page: Page, row: str, base: str, metric: str, change: Difference, where: str, told: str, more: str = ""
) -> Card:
    before, after = estimate(page.accuracy[base, metric]), estimate(page.accuracy[row, metric])
    assert before is not None and after is not None  # a difference needs both
    digits = _digits(change)
    tone: Tone = "same" if not change.tells else "better" if change.value > 0 else "worse"
    doubt = "" if change.tells else " These images cannot tell it from no change."
    interval = f"95 %: {points(change.low, digits)} to {points(change.high, digits)}"
    moved = f"{percent(before.value, digits)} → {percent(after.value, digits)} % {where} ({interval}).{doubt}{more}"
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
