"""Which rows belong together: "pgd weight 94%" is of the family "pgd weight", pruned from "pgd dense"."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .records import Page, number

_NAMED_RATE = re.compile(r"^(?P<family>.*?)\s*(?P<rate>\d+(?:\.\d+)?)\s*%$", re.DOTALL)
PRUNED = 0.005  # a network with fewer zeros than this was not pruned on purpose
_KINDS = ("weights", "filters", "units")


@dataclass(frozen=True)
class Row:
    """A row of the table and its place among its relatives."""

    name: str
    family: str
    removed: float
    """Fraction of the weights removed: measured zeros, or the rate in the name where there are none."""
    measured: bool
    """Whether `removed` was measured."""
    requested: float
    """Fraction that was to be removed, of weights or of filters: as recorded, or the rate in the name."""
    base: str | None
    """The unpruned row that this one was pruned from; None for an unpruned row."""


def family_tree(page: Page) -> list[Row]:
    """All rows in page order, each with its family and its unpruned relative."""
    rates = {name: _removed(page, name) for name in page.all_rows}
    unpruned = [name for name in page.all_rows if rates[name][0] < PRUNED]
    return [
        Row(
            name,
            _family(name),
            *rates[name],
            requested=_requested(page, name, rates[name][0]),
            base=None if name in unpruned else _nearest(_family(name), unpruned),
        )
        for name in page.all_rows
    ]


def featured(rows: Sequence[Row], limit: int) -> list[Row]:
    """At most `limit` rows that tell the story, in page order: unpruned, most pruned, middle, least."""
    if len(rows) <= limit:
        return list(rows)
    members = [sorted(family, key=lambda row: row.removed, reverse=True) for family in by_family(rows).values()]
    bases = {row.base for row in rows if row.base is not None}
    ranked = [row for row in rows if row.name in bases]
    ranked += [family[0] for family in members]
    ranked += [family[len(family) // 2] for family in members]
    ranked += [family[-1] for family in members]
    chosen = list(dict.fromkeys([*ranked, *rows]))[:limit]
    return [row for row in rows if row in chosen]


def by_family(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The pruned rows of each family."""
    families: dict[str, list[Row]] = {}
    for row in rows:
        if row.base is not None:
            families.setdefault(row.family, []).append(row)
    return families


def sparsities(page: Page, row: str, kind: str) -> list[float]:
    """The measured fraction of zeros of a kind ("weights", "filters", "units"), for each seed that has it."""
    by_seed: dict[int, float] = {}
    for cell in (cell for (name, _), cells in page.accuracy.items() if name == row for cell in cells):
        read = number(cell.record, f"sparsity_{kind}")
        if read is not None:
            by_seed.setdefault(cell.seed, read)
    return [by_seed[seed] for seed in sorted(by_seed)]


def _family(name: str) -> str:
    match = _NAMED_RATE.match(name)
    return (match["family"] or name) if match else name


def _removed(page: Page, name: str) -> tuple[float, bool]:
    zeros = [sum(read) / len(read) for kind in _KINDS if (read := sparsities(page, name, kind))]
    weights = sparsities(page, name, "weights")
    if weights and sum(weights) / len(weights) >= PRUNED:
        return sum(weights) / len(weights), True
    match = _NAMED_RATE.match(name)
    if match and 0 < float(match["rate"]) <= 100:
        return float(match["rate"]) / 100, False
    return max(zeros, default=0.0), bool(zeros)


def _requested(page: Page, name: str, removed: float) -> float:
    match = _NAMED_RATE.match(name)
    named = float(match["rate"]) / 100 if match and float(match["rate"]) <= 100 else None
    cells = (cell for (row, _), held in page.accuracy.items() if row == name for cell in held)
    recorded = next((rate for cell in cells if (rate := number(cell.record, "requested_sparsity")) is not None), None)
    return next((rate for rate in (recorded, named) if rate is not None), removed)


def _nearest(family: str, unpruned: Sequence[str]) -> str | None:
    """The unpruned row that starts with the same words; the plainest of several."""
    words = family.split()

    def rank(name: str) -> tuple[int, int]:
        common = 0
        for ours, theirs in zip(words, name.split()):
            if ours != theirs:
                break
            common += 1
        return -common, len(name.split())

    return min(unpruned, key=rank, default=None)
