"""`blackthorn run`: do what is not done of a recipe, and write its report."""

import sys
from typing import Annotated

from cyclopts import Parameter

from ..errors import RecipeError
from ..running.launching import asked_ranks, launch
from .application import app
from .closing import busy, close, print_json
from .options import (
    Allowed,
    Changes,
    DataRoot,
    Device,
    Json,
    Model,
    Preset,
    Quiet,
    RecipeName,
    Seeds,
    StoreName,
    Verbose,
    seeds_of,
    voice_of,
)

_MOST = 256


@app.command
def run(
    recipe: RecipeName,
    /,
    *,
    preset: Preset = "full",
    store: StoreName = "runs",
    data_root: DataRoot = None,
    seeds: Seeds = None,
    jobs: Annotated[
        str | None,
        Parameter(
            name="--jobs",
            help="Processes to share the work; each gets its share of the cores. By default as many as can train side "
            "by side, at most one for each core. With `--on`, the stages that a cluster is given at once.",
        ),
    ] = None,
    on: Annotated[
        str | None,
        Parameter(
            name="--on",
            help="Do the stages on a cluster: `ray` (the one that RAY_ADDRESS names), `ray://HOST:PORT`, or `slurm`; "
            "`local` tries out on this machine what `slurm` does. All machines must see the store.",
        ),
    ] = None,
    devices: Annotated[
        str | None,
        Parameter(
            name="--devices",
            help="Let so many processes, each with a GPU or its share of the cores, train every network together: each "
            "works on its part of every batch. Measures are shared out. `torchrun -m blackthorn run` does the same.",
        ),
    ] = None,
    cores: Annotated[
        str | None, Parameter(name="--cores", help="With `--on`: cores for each stage, by default 1.")
    ] = None,
    device: Device = None,
    model: Model = None,
    set_: Changes = (),
    allow_code: Allowed = (),
    dry_run: Annotated[
        bool,
        Parameter(
            name="--dry-run",
            negative="",
            help="Say what would be done, about how long it would take and what is done already; run nothing.",
        ),
    ] = False,
    logger: Annotated[
        tuple[str, ...],
        Parameter(
            name="--logger",
            negative="",
            help="Also keep every epoch and every number as `csv` (`metrics.csv`) or `tensorboard` (a folder "
            "`tensorboard`), beside the report; may be repeated.",
        ),
    ] = (),
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run a recipe and write its report.

    What is done already is not done again: a command that was stopped or killed is resumed by repeating it. The report
    is written to `STORE/reports/RECIPE-PRESET/index.html`, with `run.log` beside it.
    """
    chosen, processes, voice = seeds_of(seeds), _number("--jobs", jobs), voice_of(quiet, verbose)
    threads = _number("--cores", cores)
    if threads is not None and on is None:
        raise RecipeError("--cores: says what a stage gets on a cluster; add --on, or leave it out")
    ranks = _ranks(_number("--devices", devices), jobs, on)
    if ranks > 1 and asked_ranks() is None and not dry_run:
        sys.exit(launch(ranks, sys.argv[1:]))
    with busy("Loading", voice):
        from ..recipes.request import Request
        from .commands import dry_run_command, run_command

    request = Request(recipe, preset, chosen, model, set_, allow_code)
    if dry_run:
        ahead = dry_run_command(request, store=store, data_root=data_root, device=device)
        print_json(ahead.to_json()) if json else sys.stdout.write(ahead.told())
        return
    finished = run_command(
        request,
        store=store,
        data_root=data_root,
        jobs=processes,
        device=device,
        voice=voice,
        loggers=logger,
        on=on,
        cores=threads or 1,
    )
    if finished is None:
        return
    if json:
        print_json(finished.to_json())
    close(finished, voice)


def _ranks(devices: int | None, jobs: str | None, on: str | None) -> int:
    """How many ranks are asked for, here or by whoever has started this process as one of them."""
    started = asked_ranks()
    count = devices or (1 if started is None else started.count)
    if started is not None and count != started.count:
        raise RecipeError(f"--devices {count}: torchrun has started {started.count} ranks; leave --devices out")
    if count > 1 and (jobs or on):
        option = f"--jobs {jobs}" if jobs else f"--on {on}"
        raise RecipeError(f"{option}: {count} devices work on each training together; leave one of the two out")
    return count


def _number(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isdecimal() and text.strip("0")):
        raise RecipeError(f"{option} {text}: a whole number is wanted, at least 1")
    if len(text) > 4 or int(text) > _MOST:
        raise RecipeError(f"{option} {text[:20]}: at most {_MOST} are given; leave it out")
    return int(text)
