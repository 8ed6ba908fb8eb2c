"""One report of seeds that were measured apart: on several machines, or long ago, when only a record is left."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import StoreError
from ..results import Cell, Grid, Record
from .comparison import changes, recipe_in
from .reading import AnyPath, folder_of, grid_of

_OF_THE_REPORT = ("title", "about", "seeds", "published", "statements", "select")  # what is said of the numbers
_BY_NAME = ("networks", "images", "measures")  # a recipe that gets another of these keeps what was measured before


def merged(grid: Grid, recipe: Mapping[str, Any], others: Sequence[AnyPath]) -> Grid:
    """The grid with the seeds of other reports of the same recipe. Their cells have no example images.

    A recipe that has got more networks or measures since is the same: their cells are missing for the older seeds.

    Args:
        grid: what is reported.
        recipe: its recipe as plain values, with every default.
        others: folders of reports, or folders that `blackthorn report --record` wrote.
    Raises:
        StoreError: there is no such report, its recipe is another one, or a seed is there twice.
    """
    for other in others:
        added = grid_of(other)
        if differ := changes(*_in_both(recipe_in(folder_of(other)), recipe)):
            path, (there, mine) = next(iter(differ.items()))
            more = f" (and {len(differ) - 1} more)" if len(differ) > 1 else ""
            raise StoreError(
                f"--merge {other}: its recipe is another one: {path} is {there!r} there and {mine!r} here{more}"
            )
        if twice := sorted(set(added.seeds) & set(grid.seeds)):
            raise StoreError(
                f"--merge {other}: seed {twice[0]} is in it and in this report too; name the seeds of this report that "
                "are in no other with --seeds"
            )
        known = [cell for cell in added.cells if _known(cell, recipe)]
        grid = Grid(grid.rows, grid.metrics, sorted([*grid.seeds, *added.seeds]), [*grid.cells, *known])
    return grid


def _known(cell: Cell[Record], recipe: Mapping[str, Any]) -> bool:
    """Whether the recipe still has the network and the measure, or the images."""
    if cell.row in (recipe.get("images") or {}):
        return True
    return cell.row in recipe["networks"] and cell.metric in recipe["measures"]


def _in_both(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Two recipes without what is said of the report, and without what only one of them has a name for."""
    found = []
    for one, other in ((a, b), (b, a)):
        kept = {name: held for name, held in one.items() if name not in _OF_THE_REPORT}
        for section in _BY_NAME:
            names = other.get(section) or {}
            kept[section] = {name: held for name, held in (one.get(section) or {}).items() if name in names}
        found.append(kept)
    return found
