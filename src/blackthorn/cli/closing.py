"""What a command says last: the results in short, and where the page is. On a terminal, and only on standard error."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

_STYLES = {"yes": "green", "no": "red", "unknown": "yellow"}
_OUTCOMES = {"picked": "bold", "none": "red", "unknown": "yellow"}


@contextmanager
def busy(doing: str) -> Iterator[None]:
    """A sign of life on a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(doing):
        yield


def close(page: Path) -> None:
    """Name the page, after what stands in it: accuracy in percent, the statements and what was selected."""
    console = Console(stderr=True)
    if console.is_terminal:
        lines = _read(page.with_name("results.csv"))
        if lines:
            console.print(_results(lines), highlight=False)
        for line in _read(page.with_name("statements.csv")):
            holds = (f"{line['holds']:>7}", _STYLES[line["holds"]])
            console.print(Text.assemble(holds, f"  {line['statement']}"), highlight=False)
        for line in _read(page.with_name("selected.csv")):
            paper = f" (paper {line['published']}%)" if line["published"] else ""
            picked = (line["row"] or line["outcome"], _OUTCOMES[line["outcome"]])
            console.print(Text.assemble(f"{line['selection']}: ", picked, paper), highlight=False)
    console.print(Text.assemble("Report: ", (str(page), "bold")), soft_wrap=True, highlight=False)


def _results(lines: list[dict[str, str]]) -> Table:
    metrics = list(dict.fromkeys(line["metric"] for line in lines))
    values = {(line["row"], line["metric"]): line["value"] for line in lines}
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("% right", overflow="fold")
    for metric in metrics:
        table.add_column(Text(metric), justify="right", overflow="fold")
    for row in dict.fromkeys(line["row"] for line in lines):
        table.add_row(Text(row), *(values.get((row, metric), "") for metric in metrics))
    return table


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():  # selected.csv, where nothing was
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
