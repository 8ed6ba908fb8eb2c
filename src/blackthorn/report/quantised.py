"""What quantisation to int8 did to accuracy and to robustness, in a sentence for each network."""

from ..results import AccuracyRecord, Difference, difference, estimate
from .page import Page
from .words import percent, points


def quantised(page: Page, row: str | None = None) -> list[str]:
    """A sentence or two for each int8 file that is measured beside the network it was made from.

    Compared are the measures that both have: natural accuracy, images that were made on the network, and attacks that
    ask for logits alone. An attack that follows gradients finds none in such a file, which its alarms say; it is left
    out.

    Args:
        page: everything that is measured.
        row: only the file that this row is, or that was made from it.
    """
    files = [one for one in page.grid.rows if one.format == "int8" and one.file_of in page.rows]
    said = [_told(page, one.name, one.file_of or "") for one in files if row in (None, one.name, one.file_of)]
    return [sentence for sentence in said if sentence]


def _told(page: Page, file: str, network: str) -> str:
    changes, attacked = [], []
    for metric in page.accuracy_metrics:
        cells, before = page.accuracy.get((file, metric), []), page.accuracy.get((network, metric), [])
        change = difference(cells, before)
        if change is None or page.rings(metric, file, network):
            continue
        changes.append(_changed(_measure(page, metric, cells[0].record), change))
        found = estimate(cells)
        if page.attack(metric) and found is not None:
            attacked.append(found)
    if not changes:
        return ""
    said = f"When {network} was quantised to int8, {'; '.join(changes)}."
    if not attacked:
        return said + " How hard to fool the file is was not measured."
    least = min(attacked, key=lambda one: one.value)
    bound = f"{percent(least.value)} % ({percent(least.low)} to {percent(least.high)} %)"
    return f"{said} Its robust accuracy is at most {bound}: no attack can follow gradients through the file."


def _measure(page: Page, metric: str, record: AccuracyRecord) -> str:
    if not page.attack(metric):
        return "natural accuracy"
    return f"accuracy {'on images made on the network before' if record.source else 'under attack'} ({metric})"


def _changed(what: str, change: Difference) -> str:
    interval = f"95 %: {points(change.low)} to {points(change.high)}"
    if change.tells:
        moved = "fell" if change.value < 0 else "rose"
        return f"{what} {moved} by {points(abs(change.value)).lstrip('+')} points ({interval})"
    if change.wide:
        seen = f"{change.n:,} images ({points(change.value)} points; {interval})"
        return f"what that did to {what} cannot be told from {seen}"
    return f"{what} stayed where it was ({points(change.value)} points; {interval})"
