"""What the commands do, once torch is worth loading: each step of an experiment, with a sign of life for a person."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import torch
from rich.table import Table

from .. import models, report
from ..experiment import Experiment, Finished, found_device
from ..recipes.kinds import kind_of, kinds
from ..recipes.reading import published
from ..recipes.request import Request
from ..recipes.schema import json_schema
from ..running.choosing import Place, cluster
from ..running.events import both
from ..running.joining import joined
from ..running.loggers import check_loggers, logging
from ..running.on_ranks import check_batches, follow
from ..running.opening import is_store
from ..running.outlook import Outlook, outlook
from .closing import busy
from .progress import watching
from .reading import reading

T = TypeVar("T")


def run_command(
    request: Request,
    *,
    store: str,
    data_root: Path | None,
    jobs: int | None,
    device: str | None,
    voice: str = "usual",
    loggers: Sequence[str] = (),
    on: str | None = None,
    cores: int = 1,
) -> Finished | None:
    """Run what is not done, then write the report; None where this is not the first of several ranks.

    Raises:
        BlackthornError: anything refused; with failed stages, after the report of the others is written.
    """
    torch.set_flush_denormal(True)  # before torch starts its threads, which take the setting over
    where = found_device(device)
    check_loggers(loggers)
    if on is not None:
        cluster(on)  # refused before images are read
    with joined(where) as (talk, where):
        if talk is not None and not talk.ranks.first:
            follow(talk, where)
            return None
        with reading(voice) as told:
            experiment = Experiment.prepare(request, store, data_root, device=where, progress=told)
        if talk is not None:
            check_batches(experiment.plan, talk.ranks)
        with watching(experiment.plan, experiment.store, voice) as listen, logging(loggers, experiment.folder) as log:
            done = experiment.carry_out(jobs, both(listen, log), Place(on, cores, talk))
    with busy("Writing the report", voice):
        return done.write()


def dry_run_command(request: Request, *, store: str, data_root: Path | None, device: str | None) -> Outlook:
    """What `run` would do. A store that is not there yet is not made.

    Raises:
        BlackthornError: anything refused, as `run` would.
    """
    with TemporaryDirectory() as nowhere:
        where = store if is_store(store) else nowhere
        with reading() as told:
            found = Experiment.prepare(request, where, data_root, device=found_device(device), progress=told)
        assert found.device is not None
        with busy("Looking ahead"):
            return outlook(found.plan, found.splits, found.store, found.device)


def watched(carried_out: Callable[..., T], asked: object, **options: Any) -> T:
    """What an audit or a compression does, with bars or lines that say how long it still takes.

    Raises:
        BlackthornError: anything refused.
    """
    torch.set_flush_denormal(True)
    return carried_out(
        asked, reading=reading, listening=lambda experiment: watching(experiment.plan, experiment.store), **options
    )


def report_command(
    request: Request,
    *,
    store: str,
    data_root: Path | None,
    out: Path | None = None,
    record: Path | None = None,
    voice: str = "usual",
) -> Finished:
    """Write the report of what the store holds, to `out` if given, and record it in a folder of its own if given."""
    with reading(voice) as told:
        experiment = Experiment.prepare(request, store, data_root, device=None, progress=told)
    with busy("Writing the report", voice):
        finished = experiment.write(out)
        if record is not None:
            report.record(finished.index.parent, finished.grid, record)
        return finished


def list_command() -> Table:
    """Recipes, and the kinds that a recipe can name, each under the option in which it can stand."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("what", "name", "is"):
        table.add_column(column, overflow="fold")
    for name, title in published().items():
        table.add_row("recipe", name, title)
    for what, values in kinds().items():
        for made in values:
            table.add_row(what, kind_of(made), _first_line(made))
    for name, builder in models.BUILDERS.items():
        table.add_row("model", name, _first_line(builder))
    return table


def schema_command() -> str:
    """The JSON schema of a recipe file."""
    return json_schema()


def _first_line(made: Any) -> str:
    return (made.__doc__ or "").strip().splitlines()[0] if made.__doc__ else ""
