"""`blackthorn compare` and `blackthorn table`: finished reports, read again."""

import sys
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .application import app
from .closing import print_json
from .options import Json

Report = Annotated[str, Parameter(help="The folder of a report, such as `runs/reports/quickstart-full`.")]


@app.command
def compare(a: Report, b: Report, /, *, json: Json = False) -> None:
    """Compare two reports: what changed in the recipe, and which numbers differ by a paired test."""
    from ..report.comparison import compared

    found = compared(a, b)
    if json:
        print_json(found.to_json())
        return
    console = Console() if sys.stdout.isatty() else Console(width=400)
    for path, (before, after) in found.changes.items():
        console.print(Text(f"{path}: {_shown(before)} → {_shown(after)}"), soft_wrap=True, highlight=False)
    if not found.changes:
        console.print("the recipes are the same", highlight=False)
    if found.numbers:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("network", "measure", "a", "b", "b minus a", "p", ""):
            table.add_column(column, overflow="fold")
        for one in found.numbers:
            share = one.a.bounds == (0.0, 1.0)
            numbers = (f"{100 * held.value:.2f}" if share else f"{held.value:.4g}" for held in (one.a, one.b))
            p = "< 0.001" if one.difference.p_value < 0.001 else f"{one.difference.p_value:.3f}"
            told = "differs" if one.differs else ""
            table.add_row(Text(one.row), Text(one.metric), *numbers, found.words(one), p, told)
        console.print(table, highlight=False)
    for name, places in (("a", found.only_a), ("b", found.only_b)):
        if places:
            words = "; ".join(f"{row}, {metric}" for row, metric in places[:5])
            console.print(Text(f"only in {name}: {words}{' and more' * (len(places) > 5)}"), soft_wrap=True)
    console.print(found.summary, highlight=False, soft_wrap=True)


@app.command
def table(
    report: Report,
    /,
    *,
    format: Annotated[
        str, Parameter(name="--format", help="`markdown`, `latex` (with booktabs) or `csv`.")
    ] = "markdown",
) -> None:
    """Print the results of a report as a table for a README or a paper."""
    from ..report.reading import table as made

    sys.stdout.write(made(report, format))


def _shown(held: Any) -> str:
    return "nothing" if held is None else str(held)
