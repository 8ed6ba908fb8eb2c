"""A report read back: its numbers as a grid, as a pandas frame, and as a table for a paper."""

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StoreError, did_you_mean
from ..results import Grid
from ..results.table import Line, by_seed, lines
from .recorded import GRID, recorded_grid
from .words import percent

if TYPE_CHECKING:
    from pandas import DataFrame

RECORDS = "records"
"""The folder beside a page that has what the page was made from."""
AnyPath = str | os.PathLike[str]


def grid_of(report: AnyPath) -> Grid:
    """Everything that a report shows.

    Args:
        report: its folder or its page, `runs/reports/NAME`, or a folder that `blackthorn report --record` wrote.
    Raises:
        StoreError: there is no such report, or it is damaged.
    """
    folder = folder_of(report)
    return recorded_grid(folder if (folder / GRID).is_file() else folder / RECORDS)


def folder_of(report: AnyPath) -> Path:
    """The folder of a report.

    Raises:
        StoreError: there is none.
    """
    folder = Path(report).parent if os.fspath(report).endswith(".html") else Path(report)
    if not any((folder / part).is_file() for part in (GRID, f"{RECORDS}/{GRID}")):
        raise StoreError(
            f"{report}: holds no report with its records; give the folder of a report, such as "
            "runs/reports/quickstart-full, and draw one of an older version again with blackthorn report"
        )
    return folder


def has_results(folder: Path) -> bool:
    """Whether a folder has a report with at least one number."""
    try:
        with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
            return any(line.get("value") for line in csv.DictReader(file)) and (folder / "index.html").is_file()
    except (OSError, ValueError, csv.Error):
        return False


def read_results(report: AnyPath, *, by_seed: bool = False) -> "DataFrame":
    """The numbers of a report as a pandas frame: row, metric, value, low, high, n, seeds, alarms.

    Values are fractions in [0, 1] where they are shares of images; the interval is of 95 %. `frame.to_latex()` and
    `frame.to_csv()` are then pandas' own; `report.table` makes the table of a paper.

    Args:
        report: its folder or its page, or a folder that `blackthorn report --record` wrote.
        by_seed: a line for each seed instead of the mean over seeds.
    Raises:
        StoreError: there is no such report, or it is damaged.
    """
    from pandas import DataFrame

    found = _lines(report, by_seed)
    columns = list(Line.__dataclass_fields__)
    frame = DataFrame([asdict(line) for line in found], columns=columns)
    return frame.rename(columns={"seeds": "seed"}).assign(seed=[line.seeds[0] for line in found]) if by_seed else frame


def table(report: AnyPath, form: str = "markdown") -> str:
    """A line for each network and a column for each measure: percent with the 95 % interval.

    Args:
        report: as in `read_results`.
        form: "markdown", "latex" (for the package booktabs) or "csv", which has a line for each number.
    Raises:
        StoreError: there is no such report, or no such form.
    """
    if form not in FORMS:
        raise StoreError(f"--format {form}: there is no such form; {did_you_mean(form, FORMS)}")
    return FORMS[form](_lines(report, False))


def _lines(report: AnyPath, single: bool) -> list[Line]:
    grid = grid_of(report)
    return by_seed(grid) if single else lines(grid)


def _number(line: Line | None, template: str) -> str:
    if line is None:
        return ""
    share = line.low >= 0 and line.high <= 1
    shown = [percent(part) if share else f"{part:.4g}" for part in (line.value, line.low, line.high)]
    return ("≤ " if line.alarms else "") + template.format(*shown)


def _places(held: Sequence[Line], template: str) -> tuple[list[str], dict[str, list[str]]]:
    """The metrics, and for each row its numbers."""
    metrics = list(dict.fromkeys(line.metric for line in held))
    at = {(line.row, line.metric): line for line in held}
    rows = dict.fromkeys(line.row for line in held)
    return metrics, {row: [_number(at.get((row, metric)), template) for metric in metrics] for row in rows}


def _markdown(held: Sequence[Line]) -> str:
    metrics, rows = _places(held, "{} [{}, {}]")
    text = [["network", *metrics], ["---"] * (len(metrics) + 1), *([row, *numbers] for row, numbers in rows.items())]
    return "".join("| " + " | ".join(part.replace("|", "\\|") for part in line) + " |\n" for line in text)


def _latex(held: Sequence[Line]) -> str:
    metrics, rows = _places(held, "{} {{\\scriptsize [{}, {}]}}")
    head = " & ".join(map(_escaped, ["network", *metrics]))
    body = [" & ".join([_escaped(row), *numbers]).replace("≤", "$\\leq$") + " \\\\\n" for row, numbers in rows.items()]
    columns = "l" + "r" * len(metrics)
    return (
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head} \\\\\n\\midrule\n{''.join(body)}\\bottomrule\n"
        "\\end{tabular}\n"
    )


def _csv(held: Sequence[Line]) -> str:
    from .csv_text import csv_text, listed

    numbers = [[f"{part:.6g}" for part in (line.value, line.low, line.high)] for line in held]
    found = [[line.row, line.metric, *shown, str(line.n), listed(line.seeds)] for line, shown in zip(held, numbers)]
    return csv_text(("row", "metric", "value", "low", "high", "n", "seeds"), found)


def _escaped(name: str) -> str:
    signs = {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}"}
    return "".join(signs.get(sign, f"\\{sign}" if sign in "&%$#_{}" else sign) for sign in name)


FORMS: Mapping[str, Callable[[Sequence[Line]], str]] = {"markdown": _markdown, "latex": _latex, "csv": _csv}
"""How a table can be written."""
