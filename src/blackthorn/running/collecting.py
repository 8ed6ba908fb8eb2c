"""From a store to a grid: what has been measured so far, and what is missing."""

from collections.abc import Mapping

from ..recipes.planning import Plan
from ..results import Cell, Grid, Record
from ..stages.artifacts import EXAMPLES, FLAGS, RECORDS, damaged, load_flags, load_records
from .store import Store


def collect(made: Plan, store: Store, failures: Mapping[str, str] | None = None) -> tuple[Grid, list[str]]:
    """Every cell of the plan that is done, and a line for each that is not.

    Raises:
        StoreError: a finished stage is damaged.
    """
    cells: list[Cell[Record]] = []
    missing: list[str] = []
    folders = store.folders((place.stage.name for place in made.places), RECORDS, FLAGS, EXAMPLES)
    for place in made.places:
        folder = folders.get(place.stage.name)
        if folder is None:
            why = (failures or {}).get(place.stage.key, "not run yet")
            missing.append(f"{place.row}, {place.metric}, seed {place.seed}: {why}")
            continue
        records = load_records(folder)
        images = records[0].flagged
        flags = None if images is None else load_flags(folder)
        if flags is not None and images != len(flags):
            raise damaged(folder / FLAGS, f"{len(flags)} answers for {images} images")
        cells += [Cell(place.row, place.metric, place.seed, record, flags, folder) for record in records]
    return Grid(made.rows, made.metrics, made.seeds, cells), missing
