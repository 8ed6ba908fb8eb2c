"""The command `blackthorn store`."""

from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import RecipeError
from .application import app
from .options import StoreName


@app.command(name="store")
def store_command(
    *,
    store: StoreName = "runs",
    stages: Annotated[bool, Parameter(name="--stages", negative="", help="List the stages one by one.")] = False,
    verify: Annotated[
        bool,
        Parameter(
            name="--verify",
            negative="",
            help="Compare every file with the checksum that was written when its stage was finished.",
        ),
    ] = False,
    prune: Annotated[
        bool, Parameter(name="--prune", negative="", help="Show what no recipe needs, ask, and remove it.")
    ] = False,
    keep: Annotated[
        tuple[str, ...],
        Parameter(
            name="--keep",
            negative="",
            help="With `--prune`: keep what this recipe of the list needs, and of the others nothing; may be repeated.",
        ),
    ] = (),
    yes: Annotated[bool, Parameter(name="--yes", negative="", help="With `--prune`: do not ask.")] = False,
) -> None:
    """List what a store holds: recipes, stages, sizes and ages.

    A stage that is needed by several recipes is kept once; `its own` is what a recipe shares with no other. A stage in
    work is never removed, nor is a report.
    """
    from . import storing

    if (keep or yes) and not prune:
        raise RecipeError(f"{'--keep' if keep else '--yes'}: says how to remove things; add --prune")
    if prune + verify + stages > 1:
        raise RecipeError("--stages, --verify and --prune: write one of them at a time")
    kept, console = storing.opened(store), Console()
    if not console.is_terminal:
        console.width = 500  # a table that is read by another program, or searched, has one line for each row

    def say(shown: Table | Text) -> None:
        console.print(shown, soft_wrap=True, highlight=False)

    if verify:
        say(Text(storing.verified(kept)))
    elif prune:
        say(Text(storing.pruned(kept, keep, yes=yes, say=say)))
    else:
        for shown in storing.listing(kept, stages=stages):
            say(shown)
