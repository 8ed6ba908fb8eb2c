"""What the numbers say of one network, in one paragraph that a person can act on."""

from collections.abc import Sequence

from ..claims import Verdict
from ..results import AccuracyRecord, Cell, CostRecord, FragilityRecord, PlantedRecord, estimate
from .page import Page
from .views.classes import by_class, strongest
from .words import amount, names, percent, radius

_GUESSING = 1.5  # times the accuracy of guessing: a network that was loaded wrongly stays below
_HELD = 0.9  # of what is right untouched: a radius that leaves so much is one to live with
_WEAKEST = 3  # classes that are named


def verdict(page: Page, row: str) -> str:
    """What is right, what withstands, what to do about it, where it is weakest, what it costs; empty if unmeasured."""
    natural = page.accuracy.get((row, page.natural or ""), [])
    metric = strongest(page, row)
    attacked = page.accuracy.get((row, metric or ""), [])
    said = [
        _accuracy(row, natural),
        _robustness(attacked),
        _missed(page, row),
        _advice(page, row, natural, attacked),
        _classes(attacked or natural),
        _cost(page, row),
    ]
    return " ".join(part for part in said if part)


def compared(verdicts: Sequence[Verdict]) -> str:
    """What the statements of an audit against another network say."""
    words = {True: "yes", False: "no", None: "these images cannot tell"}
    return " ".join(f"{one.statement}: {words[one.holds]} ({one.evidence})." for one in verdicts)


def _accuracy(row: str, cells: Sequence[Cell[AccuracyRecord]]) -> str:
    found = estimate(cells)
    if found is None:
        return ""
    interval = f"95 %: {percent(found.low)} to {percent(found.high)} %"
    return f"{row} is right on {percent(found.value)} % of {found.n:,} test images ({interval})."


def _robustness(cells: Sequence[Cell[AccuracyRecord]]) -> str:
    found = estimate(cells)
    if found is None:
        return ""
    record = cells[0].record
    ball = "no pixel may change by more than" if record.norm == "linf" else "the change may be no longer than"
    bound = "At most " if record.alarms else ""
    share = f"{bound}{percent(found.value)} % ({percent(found.low)} to {percent(found.high)} %)"
    return f"{share} withstand an attacker who knows its weights, where {ball} {radius(record.eps or 0.0)}."


def _missed(page: Page, row: str) -> str:
    """Planted examples that the attack did not find, if these are too many."""
    cells = [cells[0] for (name, _), cells in page.grid.of(PlantedRecord).items() if name == row]
    if not cells or not cells[0].record.missed:
        return ""
    record = cells[0].record
    return (
        f"Of adversarial examples that were planted in {record.planted} images the attack finds only "
        f"{percent(record.value, 0)} %: what it leaves standing may be easy to fool."
    )


def _advice(
    page: Page,
    row: str,
    natural: Sequence[Cell[AccuracyRecord]],
    attacked: Sequence[Cell[AccuracyRecord]],
) -> str:
    before, after = estimate(natural), estimate(attacked)
    if before is None:
        return ""
    record = natural[0].record
    if record.classes and before.value < _GUESSING / len(record.classes):
        return (
            f"That is no better than guessing among {len(record.classes)} classes: check that the weights belong to "
            "this network, that its classes are in the order of the data, and that it takes pixels in [0, 1]."
        )
    if after is None:
        return ""
    tried = attacked[0].record
    if tried.alarms:
        return (
            f"An alarm rang ({', '.join(tried.alarms)}): the attack was hindered, so the network is weaker than this "
            "number, which must not be compared. Remove what hides its gradients, or measure with tier full."
        )
    quick = " This was a quick look: confirm it with tier standard before you publish it." if _quick(tried) else ""
    share = after.value / before.value if before.value else 0.0
    if share >= _HELD:
        return f"It keeps {percent(share, 0)} % of its accuracy at this radius.{quick}"
    held = _held(page, row)
    limit = f" It keeps 90 % of its accuracy up to a radius of {held}." if held else ""
    return (
        f"The attack takes {percent(1 - share, 0)} % of its accuracy: where somebody can change its images, train it "
        f"adversarially at this radius, or limit what can be changed.{limit}{quick}"
    )


def _quick(record: AccuracyRecord) -> bool:
    return record.tier == "screen"


def _held(page: Page, row: str) -> str:
    """The largest radius of the ladder up to which nearly everything stands; empty where even the first takes more."""
    cells = [cells[0] for (name, _), cells in page.grid.of(FragilityRecord).items() if name == row]
    if not cells or cells[0].record.n == cells[0].record.wrong:
        return ""
    record = cells[0].record
    standing, last = record.n - record.wrong, ""
    for eps, gone in zip(record.radii, record.fooled):
        standing -= gone
        if standing < _HELD * (record.n - record.wrong):
            return last
        last = radius(eps)
    return last


def _classes(cells: Sequence[Cell[AccuracyRecord]]) -> str:
    shares = {name: right / images for name, (right, images) in by_class(cells).items()}
    if len(shares) < _WEAKEST + 1 or len(set(shares.values())) == 1:
        return ""
    worst = sorted(shares, key=lambda name: shares[name])[:_WEAKEST]
    return f"Its weakest classes are {names([f'{name} ({percent(shares[name])} %)' for name in worst])}."


def _cost(page: Page, row: str) -> str:
    records = [cell.record for (name, _), cells in page.grid.of(CostRecord).items() if name == row for cell in cells]
    own = [record for record in records if " " not in record.form]  # what ONNX Runtime makes of it is another file
    held = {(record.metric, record.batch): record for record in own}
    size, speed = held.get(("bytes", None)), held.get(("latency", 1))
    if size is None or speed is None:
        return ""
    return f"It takes {amount(size.value, size.unit)} on disk and {amount(speed.value, speed.unit)} for one image."
