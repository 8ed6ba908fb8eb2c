"""Tables of a report for a README, made from its CSV files, so that a page of results says what the files say.

A README has places for them, each on lines of its own:

    <!-- results -->       accuracies with their intervals, and the paper's
    <!-- /results -->
    <!-- statements -->    each claim, and whether it holds
    <!-- /statements -->
"""

import csv
import io
from collections.abc import Callable

Lines = list[dict[str, str]]

_HOLDS = {"yes": "yes", "no": "no", "unknown": "not known"}


def refreshed(readme: str, files: dict[str, str]) -> str:
    """The README with its tables made anew; what has no place for them stays as it is.

    Args:
        readme: its text.
        files: "results.csv" and "statements.csv" -> their text; a table whose file is not there is left alone.
    """
    for name, made in _TABLES.items():
        before, begin, rest = readme.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if end and f"{name}.csv" in files:
            readme = before + begin + made(list(csv.DictReader(io.StringIO(files[f"{name}.csv"])))) + end + after
    return readme


def results_table(lines: Lines) -> str:
    """A row for each network: percent with the 95 % interval, then the published number; ≤ under alarm."""
    metrics = list(dict.fromkeys(line["metric"] for line in lines))
    held = {(line["row"], line["metric"]): line for line in lines}
    text = [f"| network | {' | '.join(metrics)} |", f"| --- {'| --- ' * len(metrics)}|"]
    for row in dict.fromkeys(line["row"] for line in lines):
        text.append(f"| {row} | {' | '.join(_place(held.get((row, metric))) for metric in metrics)} |")
    return "\n".join(text) + "\n"


def statements_table(lines: Lines) -> str:
    """A row for each statement."""
    judged = [f"| {line['statement']} | {_HOLDS[line['holds']]} |" for line in lines]
    return "\n".join(["| statement | holds |", "| --- | --- |", *judged]) + "\n"


def _place(line: dict[str, str] | None) -> str:
    if line is None:
        return ""
    bound = "≤ " if line.get("alarm") else ""
    ours = (
        f"{bound}{float(line['value']):.1f} [{float(line['low']):.1f}, {float(line['high']):.1f}]"
        if line["value"]
        else ""
    )
    paper = f"paper {float(line['published']):.1f}" if line["published"] else ""
    return ", ".join(filter(None, (ours, paper)))


_TABLES: dict[str, Callable[[Lines], str]] = {"results": results_table, "statements": statements_table}
