"""The command line: a command in each file, those of recipes here; commands import what is heavy."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import CycloptsError, MissingArgumentError, Parameter, UnusedCliTokensError
from rich.console import Console

from ..errors import BlackthornError, RecipeError, legible
from . import audit as audit  # a command is there once its file is imported
from . import compress as compress
from . import ship as ship
from . import store as store
from .application import app as app
from .closing import busy, close
from .options import Allowed, Changes, DataRoot, Device, Model, Preset, RecipeName, Seeds, StoreFolder

_MOST_JOBS = 256


@app.command
def run(
    recipe: RecipeName,
    /,
    *,
    preset: Preset = "full",
    store: StoreFolder = Path("runs"),
    data_root: DataRoot = None,
    seeds: Seeds = None,
    jobs: Annotated[
        str | None,
        Parameter(
            name="--jobs",
            help="Processes to share the work; each gets its share of the cores. By default as many as can train side "
            "by side, at most one for each core.",
        ),
    ] = None,
    device: Device = None,
    model: Model = None,
    set_: Changes = (),
    allow_code: Allowed = (),
) -> None:
    """Run a recipe and write its report.

    What is done already is not done again: a command that was stopped or killed is resumed by repeating it. The report
    is written to `STORE/reports/RECIPE-PRESET/index.html`.
    """
    chosen, processes = _seeds(seeds), _jobs(jobs)
    with busy("Loading"):
        from ..experiment import Request
        from .commands import run_command

    request = Request(recipe, preset, chosen, model, set_, allow_code)
    close(run_command(request, store=store, data_root=data_root, jobs=processes, device=device))


@app.command
def report(
    recipe: RecipeName,
    /,
    *,
    preset: Preset = "full",
    store: StoreFolder = Path("runs"),
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
    record: Annotated[
        Path | None,
        Parameter(
            name="--record",
            help="Also write the report's tables and figures into this folder, with the records and the flags of all "
            "images that they were made from: small files for a repository. Tables in its README.md are made anew.",
        ),
    ] = None,
) -> None:
    """Draw a recipe's report again from what is in the store, finished or not; nothing is run.

    Give the same options as to `run`: they decide which results are meant.
    """
    chosen = _seeds(seeds)
    with busy("Loading"):
        from ..experiment import Request
        from .commands import report_command

    request = Request(recipe, preset, chosen, model, set_)
    close(report_command(request, store=store, data_root=data_root, out=out, record=record))


@app.command
def show(recipe: RecipeName, /, *, preset: Preset = "full", model: Model = None, set_: Changes = ()) -> None:
    """Print a recipe as it would run: preset and changes applied, sweeps written out, every default filled in."""
    from ..experiment import Request
    from .commands import show_command

    print(show_command(Request(recipe, preset, None, model, set_)), end="")


@app.command(name="list")
def list_() -> None:
    """List the recipes, and every kind of attack, criterion, objective, model and measure that a recipe can name."""
    from .commands import list_command

    Console().print(list_command(), soft_wrap=True, highlight=False)


@app.command
def schema() -> None:
    """Print the JSON schema of recipes, with which editors complete and check them.

    For example: `blackthorn schema > recipe.schema.json`, then `# yaml-language-server: $schema=recipe.schema.json`
    as the first line of a recipe.
    """
    from .commands import schema_command

    print(schema_command())


def main() -> None:
    """Run a command; what is refused becomes one line and exit code 2.

    Raises:
        SystemExit: always, with the exit code.
        OSError: standard output or standard error takes no more.
    """
    try:
        app(sys.argv[1:])
    except (BlackthornError, CycloptsError) as problem:
        _complain(problem)
        sys.exit(2)
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()


def _complain(problem: Exception) -> None:
    if isinstance(problem, MissingArgumentError) and problem.argument is not None:
        name = problem.argument.name
        text = f"{name} {'needs a value' if name.startswith('-') else 'is missing'}; see blackthorn --help"
    elif isinstance(problem, UnusedCliTokensError) and problem.unused_tokens:
        text = f"'{problem.unused_tokens[0]}' is one word too many; see blackthorn --help"
    else:
        text = " ".join(str(problem).split())
    print(f"blackthorn: {legible(text)}", file=sys.stderr)


def _seeds(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        seeds = tuple(int(word) for word in text.split(","))
    except ValueError:
        raise RecipeError(f"--seeds {text}: write whole numbers with commas between, such as 0,1,2") from None
    if not all(0 <= seed < 2**32 for seed in seeds) or len(set(seeds)) < len(seeds):
        raise RecipeError(f"--seeds {text}: different numbers from 0 to 4294967295 are wanted, such as 0,1,2")
    return seeds


def _jobs(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isdecimal() and text.strip("0")):
        raise RecipeError(f"--jobs {text}: a number of processes is wanted, at least 1")
    if len(text) > 4 or int(text) > _MOST_JOBS:
        raise RecipeError(f"--jobs {text[:20]}: at most {_MOST_JOBS} processes are started; leave it out")
    return int(text)
