"""What the commands do, once torch is worth loading."""

import dataclasses
import io
import json
import shlex
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import torch
import yaml
from pydantic import TypeAdapter
from rich.table import Table

from .. import __version__, models, report
from ..attacks import AnyAttack
from ..claims.selecting import AnyRule, choose
from ..claims.statements import AnyStatement, judge
from ..data import Splits
from ..errors import BlackthornError, ModelError, RecipeError
from ..measuring import Accuracy, AnyMeasure, AnySource
from ..models import build
from ..objectives import AnyObjective
from ..pruning import AnyCriterion
from ..recipes.planning import Plan, plan
from ..recipes.reading import name_of, published, read_recipe
from ..recipes.schema import Augmentation, Recipe, Step
from ..results.cells import Cell, Published
from ..running.collecting import collect
from ..running.provenance import commit
from ..running.running import Outcome, load_splits, run_jobs, useful_jobs
from ..running.store import Store, write_text, written
from ..stages.files import read_about
from ..training import AnyOptimizer, AnySchedule, Substitute
from .closing import busy
from .progress import watching


@dataclasses.dataclass(frozen=True)
class Request:
    """Which experiment: a recipe and what the command line changes about it."""

    recipe: str
    preset: str
    seeds: tuple[int, ...] | None = None
    model: str | None = None
    changes: tuple[str, ...] = ()

    def read(self) -> Recipe:
        """The recipe, validated, with everything applied."""
        model = [] if self.model is None else [f"model={json.dumps({'kind': self.model})}"]
        read = read_recipe(self.recipe, preset=self.preset, changes=[*model, *self.changes])
        return read if self.seeds is None else dataclasses.replace(read, seeds=self.seeds)

    @property
    def command(self) -> str:
        """What to type to run it again; folders are left out, since a report travels to where there are others."""
        words = ["blackthorn", "run", self.recipe, "--preset", self.preset]
        if self.seeds is not None:
            words += ["--seeds", ",".join(map(str, self.seeds))]
        if self.model is not None:
            words += ["--model", self.model]
        for change in self.changes:
            words += ["--set", change]
        return shlex.join(words)


_KINDS = {
    "step": Step,
    "augmentation": Augmentation,
    "objective": AnyObjective,
    "optimizer": AnyOptimizer,
    "schedule": AnySchedule,
    "criterion": AnyCriterion,
    "attack": AnyAttack,
    "measure": AnyMeasure,
    "source": AnySource,
    "statement": AnyStatement,
    "rule": AnyRule,
}
"""What is told apart by its `kind` in a recipe."""


def run_command(request: Request, *, store: Path, data_root: Path | None, jobs: int | None, device: str | None) -> Path:
    """Run what is not done, then write the report; returns its page.

    Raises:
        BlackthornError: anything refused; with failed stages, after the report of the others is written.
    """
    torch.set_flush_denormal(True)  # before torch starts its threads, which take the setting over
    read = request.read()
    where = _device(device)
    with busy("Reading the images"):
        splits, made = _prepare(request.recipe, read, data_root)
    kept = Store(store)
    jobs = useful_jobs(made, where) if jobs is None else jobs
    with watching(made, kept) as listen:
        start = time.perf_counter()
        root = None if data_root is None else str(data_root)
        outcome = run_jobs(read, made, splits, kept, where, listen, jobs=jobs, data_root=root)
        seconds = time.perf_counter() - start
    with busy("Writing the report"):
        page = _write(request, read, made, splits, kept, outcome, seconds)
    if outcome.failures:
        messages = list(dict.fromkeys(outcome.failures.values()))
        more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
        raise RecipeError(f"{messages[0]}{more}; the report of the rest is {page}")
    return page


def report_command(request: Request, *, store: Path, data_root: Path | None) -> Path:
    """Write the report of what the store holds; returns its page."""
    if not store.is_dir():
        raise RecipeError(f"--store {store}: there is no such folder; give the one that was given to blackthorn run")
    read = request.read()
    with busy("Writing the report"):
        splits, made = _prepare(request.recipe, read, data_root)
        return _write(request, read, made, splits, Store(store), Outcome(), None)


def show_command(request: Request) -> str:
    """The recipe as it would run, as YAML with every default written out."""
    return _expanded(request.read())


def list_command() -> Table:
    """Recipes, and the kinds that a recipe can name."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("what", "name", "is"):
        table.add_column(column, overflow="fold")
    for name, title in published().items():
        table.add_row("recipe", name, title)
    for what, union in _KINDS.items():
        for made in get_args(get_args(union)[0]):
            table.add_row(what, made.__pydantic_fields__["kind"].default, _first_line(made))
    for name, builder in models.BUILDERS.items():
        table.add_row("model", name, _first_line(builder))
    return table


def schema_command() -> str:
    """The JSON schema of a recipe file."""
    made = TypeAdapter(Recipe).json_schema()
    network = made["$defs"]["Network"]["properties"]
    network["for"] = {
        "type": "object",
        "additionalProperties": {"type": "array"},
        "description": "Lists of values for {names} in this network's name and options: one network "
        "for each combination.",
    }
    for key, short in (("data", "a name or folder"), ("model", "a name, or package.module:factory")):
        made["properties"][key] = {"anyOf": [{"type": "string", "description": short}, made["properties"][key]]}
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **made}, indent=1)


def _prepare(recipe: str, read: Recipe, data_root: Path | None) -> tuple[Splits, Plan]:
    if data_root is not None and not data_root.is_dir():
        raise RecipeError(f"--data-root {data_root}: there is no such folder; give the one that holds data sets")
    with _told(f"{recipe}: data"):
        splits = load_splits(read.data, data_root)
    for row, network in read.networks.items():
        if network.of is None:  # a network that cannot be built is refused before hours of training others
            with _told(f"{recipe}: {'model' if network.model is None else f'networks.{row}.model'}"):
                _check_trainable(network.model or read.model, splits)
        if any(getattr(step, "early_stopping", None) for step in network.steps) and not len(splits.valid):
            raise RecipeError(
                f"{recipe}: networks.{row}: early_stopping needs validation images; set data.valid=0.1, or leave it out"
            )
    for name, measure in read.measures.items():  # found out now, and not after all networks are trained
        source = measure.source if isinstance(measure, Accuracy) else None
        if isinstance(source, Substitute) and len(splits.test) <= source.holdout:
            raise RecipeError(
                f"{recipe}: measures.{name}.source: a substitute is trained on the first {source.holdout} of "
                f"{len(splits.test)} test images, which leaves none to measure; write a smaller holdout"
            )
        for noise in getattr(measure, "noises", ()):
            if noise.target >= splits.num_classes:
                raise RecipeError(
                    f"{recipe}: measures.{name}: universal_noise aims at class {noise.target}, but {splits.name} has "
                    f"{splits.num_classes} classes, numbered from 0"
                )
    return splits, plan(read, splits)


def _check_trainable(model: dict[str, Any], splits: Splits) -> None:
    with torch.random.fork_rng(devices=[]):
        made = build(model, num_classes=splits.num_classes, shape=splits.shape)
    if not any(parameter.requires_grad for parameter in made.parameters()):
        raise ModelError(f"{model['kind']} has no weights to train")


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Say where in the recipe a thing is asked for that cannot be had."""
    try:
        yield
    except BlackthornError as problem:
        raise type(problem)(f"{where}: {problem}") from problem
    except (RuntimeError, MemoryError) as problem:
        if "can't allocate memory" not in str(problem) and not isinstance(problem, MemoryError):
            raise
        raise ModelError(f"{where}: there is not enough memory for it; make it smaller") from None


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as problem:
        reason = str(problem).partition("\n")[0]
        why = f" ({reason})" if len(reason) <= 100 else ""  # torch goes on about its internals
        raise RecipeError(f"--device {name}: cannot be used here{why}; leave it out, or write cpu") from None
    return device


def _write(
    request: Request, read: Recipe, made: Plan, splits: Splits, store: Store, outcome: Outcome, seconds: float | None
) -> Path:
    cells, missing = collect(made, store, outcome.failures)
    name = name_of(request.recipe)
    folder = store.report(name, request.preset)
    paper = None if read.published is None else Published(read.published.source, read.published.values)
    page = report.Page(
        title=read.title,
        about=read.about,
        recipe=name,
        preset=request.preset,
        rows=read.rows,
        metrics=[name for name, measure in read.measures.items() if measure.kind == "accuracy"],
        cells=cells,
        missing=missing,
        published=paper,
        verdicts=judge(read.statements, cells, read.seeds, read.rates),
        selections=choose(read.select, cells, read.seeds, read.rates),
        command=request.command,
        recipe_text=_expanded(read),
        provenance=_provenance(read, made, splits, store, cells, seconds),
    )
    index = report.write(folder, page)
    with written(folder):
        write_text(folder / "recipe.yaml", page.recipe_text)
    return index


def _provenance(
    read: Recipe, made: Plan, splits: Splits, store: Store, cells: Sequence[Cell], seconds: float | None
) -> dict[str, str]:
    spent = 0.0
    for stage in made.stages:
        folder = store.done(stage.kind, stage.key)
        spent += 0.0 if folder is None else read_about(folder)["seconds"]
    records = [cell.record for cell in cells]

    def all_of(key: str) -> str:
        return ", ".join(sorted({str(record[key]) for record in records if record.get(key)}))

    found = {
        "version": __version__,
        "commit": all_of("commit") or commit(),
        "seeds": ", ".join(map(str, read.seeds)),
        "data": f"{splits.name}, {len(splits.train):,} train, {len(splits.valid):,} validation, "
        f"{len(splits.test):,} test images, fingerprint {splits.fingerprint}",
        "device": all_of("device"),
        "threads": all_of("threads"),
        "torch": all_of("torch") or torch.__version__,
        "python": all_of("python"),
        "computing time": _duration(spent) + " in all stages",
    }
    if seconds is not None:
        found["this run"] = _duration(seconds)
    return {key: text for key, text in found.items() if text}


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _expanded(recipe: Recipe) -> str:
    plain = TypeAdapter(Recipe).dump_python(recipe, mode="json", by_alias=True)
    plain.pop("presets")
    text = io.StringIO()
    yaml.safe_dump(plain, text, sort_keys=False, allow_unicode=True, width=100)
    return text.getvalue()


def _first_line(made: Any) -> str:
    return (made.__doc__ or "").strip().splitlines()[0] if made.__doc__ else ""
