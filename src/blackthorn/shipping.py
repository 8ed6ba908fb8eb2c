"""One folder that ships: a network of a recipe as files, with a model card that says what it is, can and cannot do.

    shipped = bt.ship("quickstart", network="pgd filter 50%", to="digits-net", license="mit")
    bt.deploy.push(shipped, "owner/digits-net")

What is written: `network.safetensors` (a bundle), `network.onnx`, `README.md` (a model card as the Hugging Face hub
reads it) and `recipe.yaml`.
"""

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from .data import Splits, pixels
from .deploy import Bundle, export, save, without_zeros
from .deploy.container import header_of
from .deploy.receiving import lines_in_onnx_runtime, lines_of_weights, lines_with
from .errors import BlackthornError, PruningError, RecipeError, did_you_mean
from .experiment import AnyPath, Experiment
from .files import write_whole
from .measuring import parameters
from .pruning import Masks, shrink
from .recipes.request import Request
from .report import Page
from .report.demo import Tried, check_runtime, demo
from .report.model_card import UNKNOWN, Lines, Shipped, card
from .running.store import written
from .stages import Stage
from .stages.artifacts import NETWORK, load_network
from .stages.export import RUNTIMES

ONNX, INT8 = "network.onnx", "network.int8.onnx"
DEMO = "demo.html"
_EXAMPLES = 10  # test images on that page
_SHOWN = 64  # test images on which the ONNX file must decide as the network does


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
    if not re.fullmatch(r"[\w.+-]+", license):
        raise RecipeError(f"--license {license}: one of the hub's words is wanted, such as mit, apache-2.0 or unknown")
    if runtime is not None:
        check_runtime(runtime)
    if request.seeds is None:
        request = dataclasses.replace(request, seeds=request.read().seeds[:1])
    experiment = Experiment.prepare(request, store, data_root, device=None)
    request.check_code(experiment.recipe)
    stage, done = _trained(experiment, row)
    splits = experiment.splits
    small = done / INT8 if (done / INT8).is_file() else None
    stage, done = _before_export(experiment, stage, done)
    bundle = _smallest(_loaded(stage, done, splits), splits)
    with written(to):
        to.mkdir(parents=True, exist_ok=True)
        for name in (ONNX, INT8, DEMO):
            (to / name).unlink(missing_ok=True)  # an older network's, should this one have none
    page = experiment.page()
    about = {**bundle.about, "network": row, "recipe": page.title, "data": splits.name}
    save(to / NETWORK, bundle.model, masks=bundle.masks, about=about, example_shape=splits.shape)
    notes = _export(bundle.model, to, splits)
    if small is not None:
        with written(to):
            write_whole(to / INT8, small.read_bytes())
        notes = (*notes, f"The numbers are those of {INT8}; the other files are the float32 network that it is from.")
    if runtime is not None:
        notes = (*notes, *_demo(experiment, page, row, to, runtime))
    with written(to):
        write_whole(to / "recipe.yaml", page.recipe_text.encode())
        names = [name for name in (NETWORK, ONNX, INT8, DEMO, "recipe.yaml") if (to / name).is_file()]
        files = {name: (to / name).stat().st_size for name in names}
        source = experiment.recipe.data.source
        on_hub = re.fullmatch(r"[\w.-]+/[\w.-]+", source) is not None and not os.path.exists(source)
        known = Shipped(
            row=row,
            dataset=source if on_hub else splits.name,
            on_hub=on_hub,
            files=files,
            loading=_loading(to, stage, splits),
            license=license,
            notes=notes,
        )
        write_whole(to / "README.md", card(page, known).encode())
    return ShippedFolder(to, {**files, "README.md": (to / "README.md").stat().st_size}, notes)


def _trained(experiment: Experiment, row: str) -> tuple[Stage, Path]:
    """The last stage of a network, and its folder."""
    recipe = experiment.request.recipe
    if row not in experiment.recipe.rows:
        raise RecipeError(f"--network {row}: {recipe} has no such network; {did_you_mean(row, experiment.recipe.rows)}")
    stages = [place.stage.parent for place in experiment.plan.places if place.row == row]
    stage = next((one for one in stages if one is not None), None)
    if stage is None:
        raise RecipeError(f"--network {row}: {recipe} measures nothing of it, so that there is nothing to say about it")
    done = experiment.store.done(stage.kind, stage.key)
    if done is None:
        raise RecipeError(
            f"--network {row}: not in the store {experiment.store.folder} yet; first {experiment.request.command}"
        )
    return stage, done


def _before_export(experiment: Experiment, stage: Stage, done: Path) -> tuple[Stage, Path]:
    """The network itself, where a row is the file that it was exported to."""
    store = experiment.store
    parent = stage.parent
    while stage.value.form in RUNTIMES and parent is not None:
        stage, done, parent = parent, store.stage(parent.kind, parent.key), parent.parent
    return stage, done


def _loaded(stage: Stage, folder: Path, splits: Splits) -> Bundle:
    kind = str(stage.model.get("kind"))
    into = None if stage.module is None else stage.built(splits)
    return load_network(folder, kind if ":" in kind else None, into)


def _smallest(bundle: Bundle, splits: Splits) -> Bundle:
    """The network without the channels that do nothing, where there are any."""
    if bundle.masks is None:
        return bundle
    try:
        small = without_zeros(shrink(bundle.model, bundle.masks, example=pixels(splits.test.x[:2], bounded=False)))
    except PruningError:
        return bundle
    none: Masks | None = None
    return Bundle(small, none, bundle.about) if parameters(small) < parameters(bundle.model) else bundle


def _export(model: nn.Module, to: Path, splits: Splits) -> tuple[str, ...]:
    """Write the ONNX file, verified on test images; what was changed for it, or why there is none."""
    try:
        return export(model, to, ["onnx"], name=Path(ONNX).stem, images=splits.test.x[:_SHOWN]).changed
    except BlackthornError as error:
        return (f"There is no {ONNX}: {error}",)


def _demo(experiment: Experiment, page: Page, row: str, to: Path, runtime: Path) -> tuple[str, ...]:
    """Write the page on which people try the network, beside the one that it was pruned from; why there is none."""
    splits = experiment.splits
    if not (to / ONNX).is_file() or splits.shape[0] not in (1, 3):
        return (f"There is no {DEMO}: it needs {ONNX}, and grey or coloured images.",)
    networks = {row: (to / ONNX).read_bytes()}
    base = page.grid.by_name[row].base
    if base is not None and any(name == base for name, _ in page.accuracy):
        stage, done = _before_export(experiment, *_trained(experiment, base))
        with TemporaryDirectory() as aside:
            other = export(_loaded(stage, done, splits).model, aside, ["onnx"], images=splits.test.x[:_SHOWN])
            networks = {base: other["onnx"].path.read_bytes(), **networks}
    test = splits.test
    first = [int((test.y == label).nonzero()[0]) for label in sorted(set(test.y.tolist()))[:_EXAMPLES]]
    radii = [page.attack(metric) or {} for metric in page.accuracy_metrics]
    eps = [float(attack["eps"]) for attack in radii if attack.get("norm", "linf") == "linf" and "eps" in attack]
    tried = Tried(
        networks=networks,
        shape=splits.shape,
        classes=test.classes,
        images=[(_levels(test.x[at]), int(test.y[at])) for at in first],
        eps=max(eps, default=8 / 255),
    )
    with written(to):
        write_whole(to / DEMO, demo(tried, runtime).encode())
    return ()


def _levels(image: Tensor) -> bytes:
    """The pixels of an image, a byte for each."""
    levels = image if image.dtype == torch.uint8 else (255 * image).round().to(torch.uint8)
    return levels.contiguous().numpy().tobytes()


def _loading(to: Path, stage: Stage, splits: Splits) -> list[Lines]:
    """Ways to load what lies in the folder."""
    header = header_of(to / NETWORK)
    assert header is not None  # written a moment ago
    ways = [Lines("With Blackthorn:", lines_with(header, NETWORK, splits.shape))]
    if (to / ONNX).is_file():
        ways.append(Lines("With ONNX Runtime alone:", lines_in_onnx_runtime(ONNX, splits.shape)))
    weights = lines_of_weights(header, NETWORK, whole=_whole(to, stage, splits))
    return [*ways, Lines("The weights by name, with PyTorch and safetensors alone:", weights)]


def _whole(to: Path, stage: Stage, splits: Splits) -> bool:
    """Whether the network that a factory makes takes the weights as they are."""
    from .deploy.weights import read_weights

    found = {name: tuple(held.shape) for name, held in read_weights(str(to / NETWORK)).items()}
    return found == {name: tuple(held.shape) for name, held in stage.built(splits).state_dict().items()}
