"""The folder that ships, written from what is in a store: a network as files, its recipe, and the card about both."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..data import Splits, pixels
from ..deploy import Bundle, export, save, without_zeros
from ..deploy.container import header_of
from ..deploy.exporting import ENDINGS, Format
from ..deploy.receiving import lines_in_onnx_runtime, lines_of_weights, lines_with
from ..deploy.weights import read_weights
from ..errors import BlackthornError, PruningError, RecipeError, did_you_mean
from ..experiment import Experiment
from ..files import write_whole
from ..measuring import parameters
from ..pruning import shrink
from ..report import Page
from ..report.model_card import UNKNOWN, Lines, Shipped, card
from ..running.store import written
from ..stages import Stage
from ..stages.artifacts import NETWORK, load_network
from ..stages.export import RUNTIMES

FILES: Mapping[Format, str] = {format: f"network{ending}" for format, ending in ENDINGS.items()}
"""What the file of each format is called."""
ONNX, INT8 = FILES["onnx"], FILES["int8"]
CARD, RECIPE, DEMO = "README.md", "recipe.yaml", "demo.html"
SHOWN = 64  # test images on which an exported file must decide as the network does


@dataclass(frozen=True)
class ShippedFolder:
    """A folder that was written; as a path, it is itself."""

    folder: Path
    files: Mapping[str, int]
    """What was written: name -> bytes."""
    notes: Sequence[str]
    """What could not be written, and why; a line each."""

    def __fspath__(self) -> str:
        return str(self.folder)


@dataclass(frozen=True)
class Trained:
    """A network of a recipe that is in the store."""

    stage: Stage
    """What left it; of a row that is an exported file, what left the network before."""
    bundle: Bundle
    exported: Mapping[Format, Path]
    """The files of it that the recipe has measured as rows of their own."""
    format: Format | None
    """That of the row itself, where it is such a file."""


def a_license(word: str) -> str:
    """An identifier as the hub knows them.

    Raises:
        RecipeError: it is something else.
    """
    if not re.fullmatch(r"[\w.+-]+", word):
        raise RecipeError(f"--license {word}: one of the hub's words is wanted, such as mit, apache-2.0 or unknown")
    return word


def empty(folder: Path) -> None:
    """Remove what an earlier network has left in a folder that ships; the page and the recipe stay.

    Raises:
        StoreError: it cannot be removed.
    """
    with written(folder):
        for name in (NETWORK, *FILES.values(), DEMO, CARD):
            (folder / name).unlink(missing_ok=True)


def fill(
    experiment: Experiment,
    row: str,
    to: Path,
    *,
    license: str = UNKNOWN,
    page: Page | None = None,
    cut: bool = True,
    more: Mapping[str, bytes] | None = None,
    notes: Sequence[str] = (),
) -> ShippedFolder:
    """Write a network that a recipe has trained and measured, and everything that is known about it.

    A file that the recipe has measured is shipped as it was measured; the others are exported here. Nothing is trained
    or measured.

    Args:
        experiment: the recipe with its store.
        row: the network.
        to: the folder; made if it is not there. What an earlier network left in it is removed.
        license: an identifier of the hub.
        page: what the card says of the network; by default all that is measured.
        cut: leave out channels that do nothing; False keeps zeros in their places.
        more: other files, by name.
        notes: what else the card says, a line each.
    Raises:
        BlackthornError: the network is not in the store, or the folder cannot be written.
    """
    page, splits, held = page or experiment.page(), experiment.splits, trained(experiment, row)
    bundle = smallest(held.bundle, splits) if cut else held.bundle
    measured = {name: file for name, file in held.exported.items() if bundle is held.bundle or name == "int8"}
    with written(to):
        to.mkdir(parents=True, exist_ok=True)
    empty(to)
    about = {**bundle.about, "network": row, "recipe": page.title, "data": splits.name}
    save(to / NETWORK, bundle.model, masks=bundle.masks, about=about, example_shape=splits.shape)
    said = [*_exported(bundle, to, splits, without=measured), *notes]
    if held.format == "int8":
        said.append(f"The numbers are those of {INT8}; the other files are the float32 network that it is from.")
    with written(to):
        for format, file in measured.items():
            write_whole(to / FILES[format], file.read_bytes())
        for name, content in {**(more or {}), RECIPE: page.recipe_text.encode()}.items():
            write_whole(to / name, content)
        names = [NETWORK, *FILES.values(), *(more or {}), RECIPE]
        files = {name: (to / name).stat().st_size for name in names if (to / name).is_file()}
        source = experiment.recipe.data.source
        on_hub = re.fullmatch(r"[\w.-]+/[\w.-]+", source) is not None and not os.path.exists(source)
        known = Shipped(
            row=row,
            dataset=source if on_hub else splits.name,
            on_hub=on_hub,
            files=files,
            loading=_loading(to, held.stage, splits),
            license=license,
            notes=said,
        )
        write_whole(to / CARD, card(page, known).encode())
    return ShippedFolder(to, {**files, CARD: (to / CARD).stat().st_size}, tuple(said))


def trained(experiment: Experiment, row: str) -> Trained:
    """A network of a recipe, and the files of it that are in the store.

    Raises:
        RecipeError: the recipe has no such network, measures nothing of it, or has not trained it yet.
        BundleError: it cannot be read.
    """
    recipe, plan, store = experiment.request.recipe, experiment.plan, experiment.store
    if row not in experiment.recipe.rows:
        raise RecipeError(f"--network {row}: {recipe} has no such network; {did_you_mean(row, experiment.recipe.rows)}")
    measured = {place.row: place.stage.parent for place in plan.places}
    stage = measured.get(row)
    if stage is None:
        raise RecipeError(f"--network {row}: {recipe} measures nothing of it, so that there is nothing to say about it")
    if store.done(stage.kind, stage.key) is None:
        raise RecipeError(f"--network {row}: not in the store {store.folder} yet; first {experiment.request.command}")
    own = next((format for format in RUNTIMES if format == stage.value.form), None)
    if own is not None:
        assert stage.parent is not None  # something was exported
        stage = stage.parent
    exported: dict[Format, Path] = {}
    for one in measured.values():
        if one is not None and one.parent is stage and (there := store.done(one.kind, one.key)) is not None:
            exported |= {format: there / FILES[format] for format in RUNTIMES if format == one.value.form}
    kind = str(stage.model.get("kind"))
    into = None if stage.module is None else stage.built(experiment.splits)
    bundle = load_network(store.stage(stage.kind, stage.key), kind if ":" in kind else None, into)
    return Trained(stage, bundle, exported, own)


def smallest(bundle: Bundle, splits: Splits) -> Bundle:
    """The network without the channels that do nothing, where there are any."""
    if bundle.masks is None:
        return bundle
    try:
        small = without_zeros(shrink(bundle.model, bundle.masks, example=pixels(splits.test.x[:2], bounded=False)))
    except PruningError:
        return bundle
    return Bundle(small, None, bundle.about) if parameters(small) < parameters(bundle.model) else bundle


def _exported(bundle: Bundle, to: Path, splits: Splits, without: Mapping[Format, Path]) -> list[str]:
    """Write the files that nobody has measured, verified on test images; what was changed for them, or why one lacks.

    int8 is another network, of which something can be said only after it is measured, and so is never written here.
    """
    said: list[str] = []
    wanted: tuple[Format, ...] = ("onnx", "pt2")
    for format in wanted:
        if format in without:
            continue
        try:
            said += export(bundle.model, to, [format], images=splits.test.x[:SHOWN]).changed
        except BlackthornError as error:
            said.append(f"There is no {FILES[format]}: {error}")
    return list(dict.fromkeys(said))


def _loading(to: Path, stage: Stage, splits: Splits) -> list[Lines]:
    """Ways to load what lies in the folder."""
    header = header_of(to / NETWORK)
    assert header is not None  # written a moment ago
    ways = [Lines("With Blackthorn:", lines_with(header, NETWORK, splits.shape))]
    if (to / ONNX).is_file():
        ways.append(Lines("With ONNX Runtime alone:", lines_in_onnx_runtime(ONNX, splits.shape)))
    found = {name: tuple(tensor.shape) for name, tensor in read_weights(str(to / NETWORK)).items()}
    whole = found == {name: tuple(tensor.shape) for name, tensor in stage.built(splits).state_dict().items()}
    weights = lines_of_weights(header, NETWORK, whole=whole)
    return [*ways, Lines("The weights by name, with PyTorch and safetensors alone:", weights)]
