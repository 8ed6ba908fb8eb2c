"""From a store to cells: what has been measured so far, and what is missing."""

from ..recipes.planning import Plan
from ..results.cells import Cell
from ..stages.files import FLAGS, RECORDS, read_flags
from .store import Store, damaged, read_records


def collect(made: Plan, store: Store, failures: dict[str, str] | None = None) -> tuple[list[Cell], list[str]]:
    """Every cell of the plan that is done, and a line for each that is not.

    Raises:
        StoreError: a finished stage is damaged.
    """
    cells, missing = [], []
    for place in made.places:
        folder = store.done(place.stage.kind, place.stage.key)
        if folder is None:
            why = (failures or {}).get(place.stage.key, "not run yet")
            missing.append(f"{place.row}, {place.metric}, seed {place.seed}: {why}")
            continue
        flags = read_flags(folder) if place.stage.kind == "accuracy" else None
        records = read_records(folder / RECORDS)
        if flags is not None and records[0].get("n") != len(flags):
            raise damaged(folder / FLAGS, f"{len(flags)} answers for {records[0].get('n')} images")
        cells += [Cell(place.row, place.metric, place.seed, record, flags, folder) for record in records]
    return cells, missing
