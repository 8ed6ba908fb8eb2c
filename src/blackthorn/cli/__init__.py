"""The command line: a command in each file, the small ones here; commands import what is heavy."""

import sys

from cyclopts import CycloptsError, MissingArgumentError, UnusedCliTokensError
from rich.console import Console

from ..errors import BlackthornError, legible
from ..stopping import came_of_a_signal
from . import audit as audit  # a command is there once its file is imported
from . import compare as compare
from . import compress as compress
from . import export as export
from . import report as report
from . import run as run
from . import ship as ship
from . import show as show
from . import store as store
from .application import app as app


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
        SystemExit: always, with the exit code, unless a signal ends the command.
        OSError: standard output or standard error takes no more.
    """
    try:
        app(sys.argv[1:])
    except (BlackthornError, CycloptsError) as problem:
        if came_of_a_signal(problem):
            raise
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
