"""The rows of the table as charts draw them: how much of each is removed, and which rows make one line."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..results import AccuracyRecord, Row
from .page import Page

PRUNED = 0.005
"""A network with a smaller share of zeros than this was not pruned on purpose."""


@dataclass(frozen=True)
class Network:
    """A row of the table, with how much of it is removed."""

    name: str
    base: str | None
    """The unpruned row that it was pruned from; None for one that is not pruned, or has none on this page."""
    family: str
    """What rows that differ in nothing but the rate share."""
    requested: float
    """The fraction that was to be removed, of weights or of filters; 0 = not pruned."""
    removed: float
    """Fraction of the weights removed: measured zeros, or the requested rate where there are none."""
    measured: bool
    """Whether `removed` was measured."""


def networks(page: Page) -> list[Network]:
    """All rows in page order."""
    return [_network(page, row) for row in page.grid.rows]


def featured(rows: Sequence[Network], limit: int) -> list[Network]:
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


def by_family(rows: Sequence[Network]) -> dict[str, list[Network]]:
    """The pruned rows of each family, as far as their unpruned network is on the page."""
    families: dict[str, list[Network]] = {}
    for row in rows:
        if row.base is not None:
            families.setdefault(row.family, []).append(row)
    return families


def zeros(page: Page, row: str) -> dict[str, list[float]]:
    """The measured fraction of zeros of weights, filters and units, for each seed that has it."""
    by_seed: dict[int, list[AccuracyRecord]] = {}
    for cell in page.accuracy_of.get(row, []):
        by_seed.setdefault(cell.seed, []).append(cell.record)
    records = [by_seed[seed] for seed in sorted(by_seed)]
    return {
        "weights": _first_known([[record.sparsity_weights for record in seed] for seed in records]),
        "filters": _first_known([[record.sparsity_filters for record in seed] for seed in records]),
        "units": _first_known([[record.sparsity_units for record in seed] for seed in records]),
    }


def mean_zeros(page: Page, row: str) -> dict[str, float]:
    """The same, as means over the seeds, without what was not measured."""
    return {kind: sum(seen) / len(seen) for kind, seen in zeros(page, row).items() if seen}


def _first_known(by_seed: Sequence[Sequence[float | None]]) -> list[float]:
    known = [[share for share in seed if share is not None] for seed in by_seed]
    return [shares[0] for shares in known if shares]


def _network(page: Page, row: Row) -> Network:
    seen = mean_zeros(page, row.name)
    if seen.get("weights", 0.0) >= PRUNED:
        removed, measured = seen["weights"], True
    elif row.requested:
        removed, measured = row.requested, False
    else:
        removed, measured = max(seen.values(), default=0.0), bool(seen)
    return Network(row.name, row.base, row.family or row.name, row.requested, removed, measured)
