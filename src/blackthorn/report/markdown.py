"""Tables of a report for a README, made from its CSV files, so that a page of results says what the files say.

A README has places for them, each on lines of its own:

    <!-- results -->       accuracies with their intervals, and the paper's
    <!-- /results -->
    <!-- statements -->    each claim, and whether it holds
    <!-- /statements -->
"""

import csv
import io
import re
from collections.abc import Callable

Lines = list[dict[str, str]]

_PERCENT = re.compile(r"\d+\.\d\d")  # results.csv has accuracies so, and other numbers with five digits
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
    """A row for each network: percent with the 95 % interval, then the published number; ≤ under alarm.

    Numbers in units of their own, such as vulnerability, have three digits, and no interval where they have none.
    """
    metrics = list(dict.fromkeys(line["metric"] for line in lines))
    held = {(line["row"], line["metric"]): line for line in lines}
    plain = {line["metric"] for line in lines if line["value"] and not _PERCENT.fullmatch(line["value"])}
    text = [f"| network | {' | '.join(metrics)} |", f"| --- {'| --- ' * len(metrics)}|"]
    for row in dict.fromkeys(line["row"] for line in lines):
        text.append(f"| {row} | {' | '.join(_place(held.get((row, metric)), metric in plain) for metric in metrics)} |")
    return "\n".join(text) + "\n"


def statements_table(lines: Lines) -> str:
    """A row for each statement."""
    judged = [f"| {line['statement']} | {_HOLDS[line['holds']]} |" for line in lines]
    return "\n".join(["| statement | holds |", "| --- | --- |", *judged]) + "\n"


def _place(line: dict[str, str] | None, plain: bool) -> str:
    if line is None:
        return ""
    value, low, high, paper = (_short(line[name], plain) for name in ("value", "low", "high", "published"))
    bound = "≤ " if line.get("alarm") else ""
    sure = plain and line["low"] == line["high"]
    ours = f"{bound}{value}" + ("" if sure else f" [{low}, {high}]") if value else ""
    return ", ".join(filter(None, (ours, paper and f"paper {paper}")))


def _short(number: str, plain: bool) -> str:
    return number and (f"{float(number):.3g}" if plain else f"{float(number):.1f}")


_TABLES: dict[str, Callable[[Lines], str]] = {"results": results_table, "statements": statements_table}
