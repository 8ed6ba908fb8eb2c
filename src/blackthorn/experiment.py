"""An experiment, from a recipe to its page: what `blackthorn run` and `blackthorn report` do, for Python.

    finished = bt.run("quickstart", preset="smoke")
    print(finished.index, finished.grid.cells[0].record)

`bt.report` is the package that draws pages, so the function that draws one again is called `bt.write_report`.
"""

import dataclasses
import functools
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from . import report
from .claims import Selected, Verdict, choose, judge
from .data import Splits
from .errors import RecipeError
from .recipes.consent import owned
from .recipes.planning import Plan, check, plan
from .recipes.reading import name_of, plain, written_out
from .recipes.request import Request as Request
from .recipes.schema import Recipe
from .report.merging import merged
from .report.reading import has_results
from .results import Grid, Published
from .results.table import lines
from .running.arithmetic import Arithmetic
from .running.beginning import check_networks, told
from .running.beginning import found_device as found_device
from .running.choosing import HERE, Place, executor_for
from .running.code import Code
from .running.collecting import collect
from .running.events import Listener, both, quiet
from .running.keeping import note
from .running.logbook import logbook
from .running.loggers import logged
from .running.opening import is_store, lacks, store_at
from .running.provenance import facts
from .running.reports import report_folder, report_name
from .running.runner import Outcome, carry_out
from .running.store import Store
from .stages.artifacts import ABOUT, load_about
from .types import Logger, Progress

AnyPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Finished:
    """A report that was written, and everything that it shows; as a path, it is that of its page."""

    index: Path
    """The page, `index.html`; CSV files and figures lie beside it."""
    grid: Grid
    missing: Sequence[str]
    """A line for each result that should be there and is not."""
    verdicts: Sequence[Verdict]
    selections: Sequence[Selected]
    notes: Sequence[str] = ()
    """What else a person should know, a line for each."""

    def __fspath__(self) -> str:
        return str(self.index)

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs: numbers with their intervals, statements, selections, and what is missing."""
        return {
            "results": [asdict(line) for line in lines(self.grid)],
            "statements": [asdict(one) for one in self.verdicts],
            "selections": [asdict(one) for one in self.selections],
            "missing": list(self.missing),
            "notes": list(self.notes),
            "report": str(self.index),
        }


def run(
    recipe: AnyPath,
    *,
    preset: str = "full",
    seeds: Sequence[int] | None = None,
    store: AnyPath = "runs",
    data_root: AnyPath | None = None,
    jobs: int | None = None,
    device: str | None = None,
    model: str | None = None,
    set: Sequence[str] = (),
    allow_code: Sequence[str] = (),
    listen: Listener | None = None,
    logger: Logger | None = None,
    on: str | None = None,
) -> Finished:
    """Run a recipe and write its report; what is in the store already is not done again.

    Args:
        recipe: a recipe of the package, such as "quickstart", or a file.
        preset: which preset of the recipe; `full` is the recipe as written.
        seeds: instead of the recipe's.
        store: the folder of networks, measurements and reports, or `s3://BUCKET/PREFIX`; many runs may share it.
        data_root: where data sets are looked up by name before the hub.
        jobs: processes that share the work; by default as many as can train side by side, at most one for each core.
            More than one need a script that guards its call with `if __name__ == "__main__"`.
        device: "cpu", "cuda" or "cuda:1"; by default a GPU if there is one.
        model: another network than the recipe's: a built-in name, or "package.module:factory".
        set: changes, "path=value", such as "data.train=2000".
        allow_code: factories that the recipe may call although they do not lie beside it, "package.module:factory".
        listen: called with an `Event` for everything that happens to a stage.
        logger: its `log_metrics(metrics, step)` is called with the numbers of every epoch and measure; `mlflow` is
            one, and so are lightning's loggers.
        on: do the stages on a cluster, which must see the store: "ray", "ray://HOST:PORT" or "slurm".
    Raises:
        BlackthornError: anything refused; for failed stages, after the report of the others is written.
    """
    asked = Request(str(recipe), preset, None if seeds is None else tuple(seeds), model, tuple(set), tuple(allow_code))
    experiment = Experiment.prepare(asked, store, data_root, device=found_device(device))
    log = quiet if logger is None else logged(logger)
    return experiment.carry_out(jobs, both(listen or quiet, log), Place(on)).write()


def write_report(
    recipe: AnyPath,
    *,
    preset: str = "full",
    seeds: Sequence[int] | None = None,
    store: AnyPath = "runs",
    data_root: AnyPath | None = None,
    model: str | None = None,
    set: Sequence[str] = (),
    out: AnyPath | None = None,
    merge: Sequence[AnyPath] = (),
) -> Finished:
    """Draw a recipe's report again from what is in the store, finished or not; nothing is run.

    The options are those of `run`: they decide which results are meant. With `out`, the report is written to that
    folder, and nothing to the store, which may then be somebody else's. `merge` names other reports of the recipe, or
    folders of their records, whose seeds are shown too.

    Raises:
        BlackthornError: anything refused.
    """
    others = tuple(map(str, merge))
    asked = Request(str(recipe), preset, None if seeds is None else tuple(seeds), model, tuple(set), merge=others)
    return Experiment.prepare(asked, store, data_root, device=None).write(None if out is None else Path(out))


@dataclass(frozen=True)
class Experiment:
    """A recipe with its images, its plan and its store, and how far it has come in this command."""

    request: Request
    recipe: Recipe
    data_root: Path | None
    splits: Splits
    plan: Plan
    store: Store
    device: torch.device | None
    """None for a report only."""
    outcome: Outcome = dataclasses.field(default_factory=Outcome)
    seconds: float | None = None
    """How long this command worked."""

    @staticmethod
    def prepare(
        request: Request,
        store: AnyPath,
        data_root: AnyPath | None,
        *,
        device: torch.device | None,
        splits: Splits | None = None,
        progress: Progress | None = None,
    ) -> "Experiment":
        """Read the recipe and its images, refuse what cannot be done with them, and lay out the stages.

        Images are the recipe's or `splits`; while they are decoded, `progress` hears (text, images done, images).

        Raises:
            BlackthornError: one line that names the recipe and the path in it.
        """
        root = None if data_root is None else Path(data_root)
        if device is None and not is_store(store):
            raise RecipeError(f"--store {store}: {lacks(store)}; give the one that was given to blackthorn run")
        recipe = request.read()
        if device is not None:
            request.check_code(recipe)
            for path, own in owned(recipe):
                with told(f"{request.recipe}: {path}"):
                    own.made  # noqa: B018  # one that cannot be made is refused before anything is trained
        if root is not None and not root.is_dir():
            raise RecipeError(f"--data-root {root}: there is no such folder; give the one that holds data sets")
        with told(f"{request.recipe}: data"):
            splits = recipe.data.load(root, progress=progress) if splits is None else splits
        passes = None if device is None else check_networks(recipe, splits, request.recipe)
        check(recipe, splits, lambda path: told(f"{request.recipe}: {path}"))
        kept = store_at(store)
        made = plan(recipe, splits, Arithmetic(kept, splits, device), Code(kept, splits, device is not None), passes)
        return Experiment(request, recipe, root, splits, made, kept, device)

    def carry_out(self, jobs: int | None, listen: Listener, place: Place = HERE) -> "Experiment":
        """Do what is not done, in so many processes, or as many as are useful, or on a cluster, or with other ranks.

        Raises:
            RecipeError: there is no such cluster.
            StoreError: the store cannot be written or read, or a process has died.
        """
        assert self.device is not None
        self._note()
        start, data, root = time.perf_counter(), self.recipe.data, self.data_root
        with logbook(self.folder, self.request.command) as write_down:
            listen = both(listen, write_down)
            there = executor_for(self.plan, self.splits, data, root, self.store, self.device, listen, jobs, place)
            with there as executor:
                outcome = carry_out(self.plan, self.store, executor, listen)
        return dataclasses.replace(self, outcome=outcome, seconds=time.perf_counter() - start)

    def write(self, out: Path | None = None) -> Finished:
        """Write the report of what is in the store, to `out` or to a folder of the store.

        Raises:
            RecipeError: stages have failed; the report of the others is written.
            StoreError: the store cannot be read or written.
        """
        failures, page = self.outcome.failures, self.page()
        if out is None:
            self._note()
            out = self.folder
        index = out / "index.html"
        if not page.grid.cells and has_results(index.parent):  # whatever is missing now, that was measured
            missing = f"{len(page.missing)} results are missing, such as {page.missing[0]}"
            raise RecipeError(f"{next(iter(failures.values()), missing)}; the report that is there stays: {index}")
        report.write(index.parent, page)
        report.keep(index.parent, page)
        if failures:
            messages = list(dict.fromkeys(failures.values()))
            more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
            raise RecipeError(f"{messages[0]}{more}; the report of the rest is {index}")
        return Finished(index, page.grid, page.missing, page.verdicts, page.selections, self._notes())

    @functools.cached_property
    def folder(self) -> Path:
        """Where its report is kept in the store.

        Raises:
            StoreError: the folder cannot be written.
        """
        return report_folder(self.store, self.request)

    def page(self) -> report.Page:
        """What the report shows: everything that is in the store, and what follows from it.

        Raises:
            StoreError: the store cannot be read.
        """
        recipe = self.recipe
        grid, missing = collect(self.plan, self.store, self.outcome.failures)
        grid = merged(grid, plain(recipe), self.request.merge)
        paper = None if recipe.published is None else Published(recipe.published.source, recipe.published.values)
        return report.Page(
            title=recipe.title,
            about=recipe.about,
            recipe=name_of(self.request.recipe),
            preset=self.request.preset,
            grid=grid,
            missing=missing,
            published=paper,
            verdicts=judge(recipe.statements, grid),
            selections=choose(recipe.select, grid),
            command=self.request.command,
            recipe_text=written_out(recipe),
            provenance=self._facts(grid),
        )

    def _note(self) -> None:
        """Let the store know which stages this recipe needs."""
        name, stages = report_name(self.store, self.request), (stage.name for stage in self.plan.stages)
        note(self.store, name, self.request.command, stages)

    def _notes(self) -> list[str]:
        done = self.store.names()
        older = self.store.unsealed(stage.name for stage in self.plan.stages if stage.name in done)
        notes = [f"{older} of the stages have no checksums: an older version made them"] if older else []
        return notes + [f"left out with a network that it names: {gone}" for gone in self.recipe.left_out]

    def _facts(self, grid: Grid) -> dict[str, str]:
        """Where the numbers come from, for the end of the page."""
        folders = self.store.folders((stage.name for stage in self.plan.stages), ABOUT)
        spent = sum(load_about(folder)["seconds"] for folder in folders.values())
        return facts([cell.record for cell in grid.cells], grid.seeds, self.splits, spent, self.seconds)
