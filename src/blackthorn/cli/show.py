"""`blackthorn show`: a recipe as it would run."""

from .application import app
from .closing import print_json
from .options import Changes, Json, Model, Preset, RecipeName


@app.command
def show(
    recipe: RecipeName, /, *, preset: Preset = "full", model: Model = None, set_: Changes = (), json: Json = False
) -> None:
    """Print a recipe as it would run: preset and changes applied, sweeps written out, every default filled in."""
    from ..recipes.reading import plain, written_out
    from ..recipes.request import Request

    read = Request(recipe, preset, None, model, set_).read()
    if json:
        print_json(plain(read))
    else:
        print(written_out(read), end="")
