"""What a report was made from, beside its page; and a report in a repository, with the tables of its README."""

from pathlib import Path

from ..errors import StoreError
from ..files import write_whole
from ..results import Grid
from .markdown import refreshed
from .page import Page
from .reading import RECORDS
from .recorded import record_grid

_RECIPE = "recipe.yaml"
_TABLES = ("results.csv", "statements.csv")


def keep(folder: Path, page: Page) -> None:
    """Put the records and the recipe that a page was made from beside it.

    Raises:
        StoreError: the folder cannot be written.
    """
    record_grid(page.grid, folder / RECORDS)
    try:
        write_whole(folder / _RECIPE, page.recipe_text.encode())
    except OSError as error:
        raise StoreError(f"{folder / _RECIPE}: cannot be written ({error.strerror or error})") from None


def record(report: Path, grid: Grid, folder: Path) -> None:
    """Copy the CSV files, `recipe.yaml` and the figures of the report in `report`, with the records of `grid`.

    A README.md that is there keeps its text; the tables between its marks are made anew. Pictures of an earlier record
    that the report has no more are removed.

    Raises:
        StoreError: the folder cannot be written.
    """
    record_grid(grid, folder)
    try:
        (folder / "figures").mkdir(exist_ok=True)
        for made in [*report.glob("*.csv"), *report.glob(_RECIPE), *report.glob("figures/*.png")]:
            write_whole(folder / made.relative_to(report), made.read_bytes())
        for drawn in folder.glob("figures/*.png"):
            if not (report / drawn.relative_to(folder)).is_file():
                drawn.unlink()
        readme = folder / "README.md"
        if readme.is_file():
            files = {name: (folder / name).read_text("utf-8") for name in _TABLES}
            write_whole(readme, refreshed(readme.read_text("utf-8"), files).encode())
    except OSError as error:
        raise StoreError(f"--record {folder}: cannot be written ({error.strerror or error})") from None
