"""What each network costs: one entry for each row, metric, form and batch, joined over seeds."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from ..results import CostRecord
from .families import zeros
from .page import Page

FORMS = (
    "dense",
    "masked",
    "shrunk",
    "sparse",
    "dense onnx",
    "shrunk onnx",
    "onnx",
    "dense int8",
    "shrunk int8",
    "int8",
)
"""In the order in which they are shown; the last words say that ONNX Runtime computes them."""
COST_METRICS = ("parameters", "nonzero", "macs", "bytes", "latency")


@dataclass(frozen=True)
class Cost:
    """Median over seeds; `low` and `high` are the widest bounds that any seed saw."""

    row: str
    metric: str
    form: str
    """One of `FORMS`, or empty."""
    batch: int | None
    value: float
    low: float
    high: float
    unit: str
    seeds: tuple[int, ...]


_Kind = tuple[str, str, str, int | None]
"""(row, metric, form, batch)."""
_Seen = tuple[float, float, float, str]
"""(value, low, high, unit) of one seed."""


def costs(page: Page) -> list[Cost]:
    """All costs in the order of rows, forms, metrics and batches."""
    places: dict[_Kind, dict[int, _Seen]] = {}
    for cells in page.grid.of(CostRecord).values():
        for cell in cells:
            record = cell.record
            low = record.value if record.low is None else record.low
            high = record.value if record.high is None else record.high
            kind = (cell.row, record.metric, record.form, record.batch)
            places.setdefault(kind, {})[cell.seed] = (record.value, low, high, record.unit)
    counted = {(row, metric) for row, metric, _, _ in places}
    for (row, _), accuracies in page.accuracy.items():  # a sweep without cost measures still knows its parameters
        for accuracy in accuracies:
            value = accuracy.record.parameters
            if value is not None and (row, "parameters") not in counted:
                kind = (row, "parameters", "", None)
                places.setdefault(kind, {})[accuracy.seed] = (value, value, value, "count")
    found = [_join(place, by_seed) for place, by_seed in places.items()]
    rows = {row: place for place, row in enumerate(page.rows)}
    return sorted(found, key=lambda cost: (rows[cost.row], *_order(cost)))


def references(page: Page, spent: Sequence[Cost]) -> dict[Cost, Cost]:
    """Each cost -> the dense cost beside it: of its own row where measured, else of the unpruned row."""
    held = {(c.row, c.form, c.metric, c.batch): c for c in spent}
    bases = {row.name: row.base or row.name for row in page.grid.rows}
    found = {}
    for cost in spent:
        for row, form in product((cost.row, bases[cost.row]), ("dense", "")):
            if (row, form, cost.metric, cost.batch) in held:
                found[cost] = held[row, form, cost.metric, cost.batch]
                break
    return found


def sparsity_costs(page: Page) -> list[Cost]:
    """The three sparsities of every row in percent: mean, least and most over seeds."""
    found = []
    for row in page.rows:
        for kind, fractions in zeros(page, row).items():
            seen = [100 * fraction for fraction in fractions]
            if seen:
                seeds = _seeds(page, row)[: len(seen)]
                mean = sum(seen) / len(seen)
                found.append(Cost(row, f"sparsity {kind}", "", None, mean, min(seen), max(seen), "percent", seeds))
    return found


def _join(place: _Kind, seen: dict[int, _Seen]) -> Cost:
    values, lows, highs, units = zip(*seen.values())
    return Cost(*place, float(statistics.median(values)), min(lows), max(highs), units[0], tuple(sorted(seen)))


def _seeds(page: Page, row: str) -> tuple[int, ...]:
    return tuple(sorted({cell.seed for cell in page.accuracy_of.get(row, [])}))


def _order(cost: Cost) -> tuple[int, int, str, int]:
    forms, known = ("", *FORMS), COST_METRICS
    return (
        forms.index(cost.form) if cost.form in forms else len(forms),
        known.index(cost.metric) if cost.metric in known else len(known),
        cost.metric,
        cost.batch or 0,
    )
