"""What the files beside a page of results give for a source of one of its numbers; `said.py` has the grammar."""

import csv
import json
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from blackthorn.measuring.images import evenly
from blackthorn.report import recorded_grid
from blackthorn.results import Cell, Grid, Record, difference, estimate

RESULTS = Path(__file__).parents[2] / "results"
NUMBER = re.compile(r"(?<![\w.])(?<!\w-)[+-]?\d[\d,]*(?:\.\d+)?(?=x\b|(?!\w|\.\d))")
_OF_MANY: dict[str, Callable[[Sequence[float]], float]] = {"least": min, "most": max, "mean": statistics.mean}


@dataclass(frozen=True)
class Value:
    """What a source gives, as pages write it: percent for shares, points for their differences."""

    value: float
    low: float | None = None
    high: float | None = None


def value(source: str, folder: Path) -> Value | None:
    """What a source gives; None for what no file holds.

    Raises:
        LookupError: it names nothing, or more than one thing.
    """
    name, colon, rest = source.partition(": ")
    if colon and (RESULTS / name).is_dir():
        return value(rest, RESULTS / name)
    if source in ("quoted", "setting"):
        return None
    over, slash, under = source.removeprefix("% ").partition(" / ")
    if slash:
        one, other = value(over, folder), value(under, folder)
        assert one is not None and other is not None
        return Value((100 if source.startswith("% ") else 1) * one.value / other.value)
    if NUMBER.fullmatch(source):
        return Value(float(source.replace(",", "")))
    if source.startswith("in "):
        first, *others = source[3:].split(" - in ")
        found = _in_file(first, folder)
        return replace(found, value=found.value - _in_file(others[0], folder).value, low=None) if others else found
    which, _, rest = source.partition(" ")
    if which in _OF_MANY:
        every = [found.value for found in _each(rest, folder)]
        if not every:
            raise LookupError(f"nothing is called {rest!r}")
        return Value(_OF_MANY[which](every))
    if which == "paper":
        return _published(rest, folder)
    return _measured(source, folder)


@cache
def settings(folder: Path) -> set[float]:
    """Every number in the recipe of a page."""
    text = (folder / "recipe.yaml").read_text("utf-8")
    return {float(number) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])", text)}


def _in_file(source: str, folder: Path) -> Value:
    file, cells, column = source.split(": ")
    wanted = re.split(r", (?=[\w-]+=)", cells)
    lines = [line for line in lines_of(folder / file) if all(_has(line, cell) for cell in wanted)]
    if len(lines) != 1:
        raise LookupError(f"{len(lines)} lines of {file} have {cells!r}")
    line = lines[0]
    ends = [
        line.get(f"{column}_{end}") or (line.get(end) if column in ("value", "auroc") else "")
        for end in ("low", "high")
    ]
    return Value(float(re.sub(r"^[a-z ]+|%$", "", line[column])), *(float(end) if end else None for end in ends))


def _has(line: dict[str, str], cell: str) -> bool:
    name, equals, text = cell.partition("=")
    return line.get(name) == text if equals and name in line else cell in line.values()


@cache
def lines_of(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV file, or the rows of a benchmark."""
    if path.suffix == ".json":
        return [{name: str(cell) for name, cell in row.items()} for row in json.loads(path.read_text("utf-8"))["rows"]]
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def _parts(source: str) -> tuple[list[str], list[str], str]:
    """Rows, metrics and the seed of "ROW - ROW, METRIC, seed 0"; names of rows may have commas."""
    found = re.fullmatch(r"(.*?)(?:, (seed \d+|each seed))?", source)
    assert found is not None
    row, _, metric = found[1].rpartition(", ")
    return row.split(" - "), metric.split(" - "), found[2] or ""


def _each(source: str, folder: Path) -> Iterator[Value]:
    rows, metrics, seed = _parts(source)
    places = {(line["row"], line["metric"]) for line in lines_of(folder / "results.csv")}
    seeds = [f", {seed}"] if seed else [""]
    if seed == "each seed":
        seeds = [f", seed {n}" for n in lines_of(folder / "results.csv")[0]["seeds"].split()]
    for row in sorted({row for row, _ in places if fnmatchcase(row, rows[0])}):
        for metric in sorted({metric for _, metric in places if fnmatchcase(metric, metrics[0])}):
            others = {
                (row, metric),
                *((rows[-1], metric) for _ in rows[1:]),
                *((row, metrics[-1]) for _ in metrics[1:]),
            }
            if others <= places and len(others) == max(len(rows), len(metrics)):
                for each in seeds:
                    with suppress(KeyError):  # a row that was added later lacks the first seeds
                        yield _measured(
                            f"{' - '.join([row, *rows[1:]])}, {' - '.join([metric, *metrics[1:]])}{each}", folder
                        )


def _published(source: str, folder: Path) -> Value:
    rows, metrics, _ = _parts(source)
    held = {(line["row"], line["metric"]): line["published"] for line in lines_of(folder / "results.csv")}
    first, last = held[rows[0], metrics[0]], held[rows[-1], metrics[-1]]
    return Value(float(first) - (float(last) if len(rows) + len(metrics) > 2 else 0))


def _measured(source: str, folder: Path) -> Value:
    rows, metrics, seed = _parts(source)
    places = [(rows[0], metrics[0]), (rows[-1], metrics[-1])]
    if not (folder / "grid.json").is_file():
        table = folder / (f"seeds/{seed.split()[1]}.csv" if seed else "results.csv")
        held = {(line["row"], line["metric"]): line for line in lines_of(table)}
        first, last = (held[place] for place in places)
        if places[0] == places[1]:
            return Value(*(float(first[name]) for name in ("value", "low", "high")))
        return Value(float(first["value"]) - float(last["value"]))
    ours, theirs = (_cells(folder, place, seed) for place in places)
    found = estimate(ours) if places[0] == places[1] else difference(*_on_the_same_images(ours, theirs))
    if found is None:
        raise LookupError(f"no number for {source!r}")
    unit = 1.0 if ours[0].record.plain else 100.0
    return Value(unit * found.value, unit * found.low, unit * found.high)


def _on_the_same_images(*both: list[Cell[Any]]) -> list[list[Cell[Any]]]:
    """Where one measure had fewer images, spread over those of the other, the flags of these alone.

    Records of older versions do not say which images they are of.
    """
    if all(cell.record.of is not None for cells in both for cell in cells):
        return list(both)
    n = min(len(cell.flags) for cells in both for cell in cells if cell.flags is not None)
    return [[replace(cell, flags=_spread(cell.flags, n)) for cell in cells] for cells in both]


def _spread(flags: Any, n: int) -> Any:
    return None if flags is None else flags[evenly(len(flags), n).numpy()]


def _cells(folder: Path, place: tuple[str, str], seed: str) -> list[Cell[Record]]:
    found = [cell for cell in _grid(folder).cells if (cell.row, cell.metric) == place]
    found = [cell for cell in found if not seed or f"seed {cell.seed}" == seed]
    if not found or len({type(cell.record) for cell in found}) > 1:
        raise KeyError(f"{folder.name} has no {', '.join(place)}{seed and ', ' + seed}")
    return found


@cache
def _grid(folder: Path) -> Grid:
    return recorded_grid(folder)
