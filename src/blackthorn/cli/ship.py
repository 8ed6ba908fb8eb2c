"""`blackthorn ship`: one folder with a network that a recipe has made, and what is known about it."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from .application import app
from .closing import busy
from .options import Allowed, Changes, DataRoot, License, Model, Preset, RecipeName, StoreFolder


@app.command
def ship(
    recipe: RecipeName,
    /,
    *,
    network: Annotated[str, Parameter(name="--network", help="Which one: a row of the recipe.")],
    to: Annotated[Path, Parameter(name="--to", help="The folder to write.")],
    license: License = "unknown",
    seed: Annotated[
        int | None, Parameter(name="--seed", help="Which of the recipe's seeds; by default the first.")
    ] = None,
    push: Annotated[
        str | None,
        Parameter(name="--push", help="Also upload the folder to this repository of the hub, `owner/name`."),
    ] = None,
    try_with: Annotated[
        Path | None,
        Parameter(
            name="--try-with",
            help="Also write `demo.html`, on which people draw and attack, with this copy of ONNX Runtime Web: after "
            "`npm install onnxruntime-web`, `node_modules/onnxruntime-web/dist`.",
        ),
    ] = None,
    preset: Preset = "full",
    store: StoreFolder = Path("runs"),
    data_root: DataRoot = None,
    model: Model = None,
    set_: Changes = (),
    allow_code: Allowed = (),
) -> None:
    """Write a folder that ships: a network that a recipe has trained, and a model card with all that was measured.

    For example, after `blackthorn run quickstart`:

        blackthorn ship quickstart --network "pgd filter 50%" --to digits-net --license mit

    The folder has `network.safetensors` (a bundle), `network.onnx` (with the extra `export`), `README.md` (a model card
    as the Hugging Face hub reads it) and `recipe.yaml`. Nothing is trained or measured. Give the options that were
    given to `run`: they decide which network is meant.
    """
    with busy("Loading"):
        from ..deploy import push as upload
        from ..recipes.request import Request
        from ..shipping import shipped

    request = Request(str(recipe), preset, None if seed is None else (seed,), model, set_, allow_code)
    with busy("Writing the folder"):
        done = shipped(request, network, to, license, try_with, store=store, data_root=data_root)
    console = Console(stderr=True)
    for name, size in done.files.items():
        console.print(Text(f"{size:>12,} bytes  {done.folder / name}"), soft_wrap=True, highlight=False)
    for note in done.notes:
        console.print(Text(note), soft_wrap=True, highlight=False)
    if push is not None:
        with busy("Uploading"):
            where = upload(done, push)
        console.print(Text(f"Uploaded: {where}"), soft_wrap=True, highlight=False)
