"""The command line: `run`, `audit`, `report`, `show`, `list`, `verify`, `schema`; commands import what is heavy."""

import sys
from json import dumps as json_text
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter, UnusedCliTokensError
from rich.console import Console

from .. import __version__
from ..errors import BlackthornError, RecipeError, legible
from .closing import busy, close, close_audit

app = App(
    name="blackthorn",
    version=__version__,
    help="""Train, prune, attack, measure and ship neural networks: small, and still hard to fool.

Start with `blackthorn run quickstart`: in about a minute it trains, prunes and attacks a small network, and writes
a page that says what pruning did to accuracy, robustness, size and speed.

A recipe is an experiment in one YAML file. Running it again goes on where it stopped and repeats nothing.
""",
    help_format="markdown",
    # Words on a wrong command line are errors like any other: one line, exit code 2.
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
)

RecipeName = Annotated[str, Parameter(help="A recipe of the package (see `blackthorn list`) or a file, `NAME.yaml`.")]
Preset = Annotated[str, Parameter(name="--preset", help="Which preset of the recipe: `full` is the recipe as written.")]
StoreFolder = Annotated[
    Path,
    Parameter(name="--store", help="Where networks, measurements and reports are kept; may be shared by many runs."),
]
DataRoot = Annotated[
    Path | None,
    Parameter(
        name="--data-root",
        env_var="BLACKTHORN_DATA",
        help="Folder in which data sets are looked up by name before the hub.",
    ),
]
Seeds = Annotated[str | None, Parameter(name="--seeds", help="Seeds instead of the recipe's, such as `0,1,2`.")]
Changes = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set",
        negative="",
        help="Change one setting, `path=value`, such as `data.train=2000` or `networks.*.steps.train.epochs=1`; "
        "may be repeated.",
    ),
]
Device = Annotated[
    str | None, Parameter(name="--device", help="`cpu`, `cuda` or `cuda:1`; by default a GPU if there is one.")
]
Model = Annotated[
    str | None,
    Parameter(
        name="--model",
        help="Another network than the recipe's: a built-in name, or `package.module:factory` for your own.",
    ),
]
Allowed = Annotated[
    tuple[str, ...],
    Parameter(
        name="--allow-code",
        negative="",
        help="Let the recipe call `package.module:factory`, which runs code that does not lie beside it; may be "
        "repeated.",
    ),
]

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
def audit(
    network: Annotated[
        str,
        Parameter(
            help="A bundle (`net.safetensors`), `package.module:factory`, or a built-in network, with `--weights`."
        ),
    ],
    /,
    *,
    data: Annotated[
        str, Parameter(name="--data", help="Labelled images: `digits`, a folder, or a hub id such as `ylecun/mnist`.")
    ],
    weights: Annotated[
        str | None,
        Parameter(name="--weights", help="A `.safetensors` file or a state dict for a factory or a built-in network."),
    ] = None,
    eps: Annotated[str, Parameter(name="--eps", help="The largest radius, in pixels of [0, 1].")] = "8/255",
    norm: Annotated[str, Parameter(name="--norm", help="`linf` or `l2`.")] = "linf",
    tier: Annotated[str, Parameter(name="--tier", help="The attack: `screen`, `standard` or `full`.")] = "screen",
    against: Annotated[
        str | None,
        Parameter(
            name="--against",
            help="The network that it came from: is the one as hard to fool as the other? As NETWORK, or a file of "
            "weights for the same factory.",
        ),
    ] = None,
    images: Annotated[
        str, Parameter(name="--images", help="At most so many test images, evenly spread: 1,000 suit two cores.")
    ] = "1000",
    resize: Annotated[
        int | None,
        Parameter(name="--resize", help="Bring images to this size; by default to that of a bundle's network."),
    ] = None,
    json: Annotated[bool, Parameter(name="--json", negative="", help="Print everything as JSON.")] = False,
    store: StoreFolder = Path("runs"),
    data_root: DataRoot = None,
    device: Device = None,
    allow_code: Allowed = (),
) -> None:
    """Audit a trained network: is it accurate, is it hard to fool, and what should be done about it?

    For example, a network of your own whose weights are in a file, and the smaller one that was made from it:

        blackthorn audit my_nets:small --weights small.pt --data my_images --against original.safetensors

    Measured are natural accuracy, accuracy under AutoAttack at a quarter, half and the whole of `--eps`, every alarm,
    the worst classes, the most fragile images, cost and latency. A command that was stopped is resumed by repeating it.
    """
    with busy("Loading"):
        from ..auditing import Asked
        from .commands import audit_command

    options = {"eps": eps, "norm": norm, "tier": tier, "images": images}
    asked = Asked(network, weights, against, data, options, resize, allow_code=allow_code, said=tuple(sys.argv[1:]))
    audited = audit_command(asked, store=store, data_root=data_root, device=device)
    if json:
        print(json_text(audited.to_json(), indent=1))
    close_audit(audited)


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
def verify(*, store: StoreFolder = Path("runs")) -> None:
    """Compare every file of a store with the checksum that was written when its stage was finished."""
    from .commands import verify_command

    print(verify_command(store))


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
