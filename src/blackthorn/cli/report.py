"""`blackthorn report`: draw the page again from what the store holds."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .application import app
from .closing import busy, close, print_json
from .options import Changes, DataRoot, Json, Model, Preset, Quiet, RecipeName, Seeds, StoreName, seeds_of, voice_of


@app.command
def report(
    recipe: RecipeName,
    /,
    *,
    preset: Preset = "full",
    store: StoreName = "runs",
    data_root: DataRoot = None,
    seeds: Seeds = None,
    model: Model = None,
    set_: Changes = (),
    out: Annotated[
        Path | None,
        Parameter(
            name="--out", help="Write the report to this folder, and nothing to the store, which may be read-only."
        ),
    ] = None,
    merge: Annotated[
        tuple[str, ...],
        Parameter(
            name="--merge",
            negative="",
            help="Also show the seeds of another report of the recipe, of which this is the folder, or one that "
            "--record wrote: for seeds that were run on several machines. Then --seeds names those of this store; may "
            "be repeated.",
        ),
    ] = (),
    record: Annotated[
        Path | None,
        Parameter(
            name="--record",
            help="Also write the report's tables and figures into this folder, with the records and the flags of all "
            "images that they were made from: small files for a repository. Tables in its README.md are made anew.",
        ),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Draw a recipe's report again from what is in the store, finished or not; nothing is run.

    Give the same options as to `run`: they decide which results are meant.
    """
    chosen, voice = seeds_of(seeds), voice_of(quiet, False)
    with busy("Loading", voice):
        from ..recipes.request import Request
        from .commands import report_command

    request = Request(recipe, preset, chosen, model, set_, merge=merge)
    finished = report_command(request, store=store, data_root=data_root, out=out, record=record, voice=voice)
    if json:
        print_json(finished.to_json())
    close(finished, voice)
