"""One folder that ships: a network of a recipe as files, with a model card that says what it is, can and cannot do.

    shipped = bt.ship("quickstart", network="pgd filter 50%", to="digits-net", license="mit")
    bt.deploy.push(shipped, "owner/digits-net")

What is written: `network.safetensors` (a bundle), `network.onnx`, `network.pt2`, `network.int8.onnx` where the recipe
has measured it, `README.md` (a model card as the Hugging Face hub reads it) and `recipe.yaml`.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ..errors import BlackthornError
from ..experiment import AnyPath, Experiment
from ..recipes.request import Request
from ..report.demo import check_runtime
from ..report.model_card import UNKNOWN
from .folder import DEMO
from .folder import ShippedFolder as ShippedFolder
from .folder import a_license as a_license
from .folder import empty as empty
from .folder import fill as fill
from .trying import to_try


def ship(
    recipe: AnyPath,
    *,
    network: str,
    to: AnyPath,
    license: str = UNKNOWN,
    try_with: AnyPath | None = None,
    preset: str = "full",
    seed: int | None = None,
    store: AnyPath = "runs",
    data_root: AnyPath | None = None,
    model: str | None = None,
    set: Sequence[str] = (),
    allow_code: Sequence[str] = (),
) -> ShippedFolder:
    """Write a folder with a network that a recipe has trained and measured, and everything that is known about it.

    A network whose pruned channels can be cut out is shipped without them. Nothing is trained or measured here.

    Args:
        recipe: as for `run`; so are the next options, which decide which network is meant.
        network: the row of the recipe.
        to: the folder; it is made if it is not there, and files of the same names are replaced.
        license: an identifier of the hub, such as "mit"; nothing is assumed.
        try_with: the folder `dist` of onnxruntime-web, to write a page on which people try the network: `demo.html`.
        preset: as for `run`.
        seed: which of the recipe's seeds; by default the first. All numbers on the card are this network's own.
        store: as for `run`.
        data_root: as for `run`.
        model: as for `run`.
        set: as for `run`.
        allow_code: factories that the recipe may call although they do not lie beside it.
    Raises:
        BlackthornError: the network is not trained yet, or anything else is refused; one line.
    """
    seeds = None if seed is None else (seed,)
    request = Request(str(recipe), preset, seeds, model, tuple(set), tuple(allow_code))
    runtime = None if try_with is None else Path(try_with)
    return shipped(request, network, Path(to), license, runtime, store=store, data_root=data_root)


def shipped(
    request: Request,
    row: str,
    to: Path,
    license: str,
    runtime: Path | None = None,
    *,
    store: AnyPath,
    data_root: AnyPath | None,
) -> ShippedFolder:
    """Do what `ship` says for a recipe that a command or a program asks for.

    Raises:
        BlackthornError: as `ship`.
    """
    license = a_license(license)
    if runtime is not None:
        check_runtime(runtime)
    if request.seeds is None:
        request = dataclasses.replace(request, seeds=request.read().seeds[:1])
    experiment = Experiment.prepare(request, store, data_root, device=None)
    request.check_code(experiment.recipe)
    more: dict[str, bytes] = {}
    notes: list[str] = []
    if runtime is not None:
        try:
            more = {DEMO: to_try(experiment, experiment.page(), row, runtime)}
        except BlackthornError as error:
            notes = [f"There is no {DEMO}: {error}"]
    return fill(experiment, row, to, license=license, more=more, notes=notes)
