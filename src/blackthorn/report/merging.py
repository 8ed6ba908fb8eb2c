"""One report of seeds that were measured apart: on several machines, or long ago, when only a record is left."""

from collections.abc import Sequence

import yaml

from ..errors import StoreError
from ..results import Grid
from .comparison import changes, recipe_in
from .reading import AnyPath, folder_of, grid_of

_OF_THE_REPORT = ("title", "about", "seeds", "published", "statements", "select")  # what is said of the numbers


def merged(grid: Grid, recipe_text: str, others: Sequence[AnyPath]) -> Grid:
    """The grid with the seeds of other reports of the same recipe. Their cells have no example images.

    Args:
        grid: what is reported.
        recipe_text: its recipe, written out.
        others: folders of reports, or folders that `blackthorn report --record` wrote.
    Raises:
        StoreError: there is no such report, its recipe is another one, or a seed is there twice.
    """
    here = yaml.safe_load(recipe_text)
    for other in others:
        folder, added = folder_of(other), grid_of(other)
        differ = {
            path: values
            for path, values in changes(recipe_in(folder), here).items()
            if path.partition(".")[0] not in _OF_THE_REPORT
        }
        if differ:
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
        grid = Grid(grid.rows, grid.metrics, sorted([*grid.seeds, *added.seeds]), [*grid.cells, *added.cells])
    return grid
