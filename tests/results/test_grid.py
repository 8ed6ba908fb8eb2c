"""The grid that everything measured stands in."""

import subprocess
import sys
from pathlib import Path

import pytest

from blackthorn.results import AccuracyRecord, Cell, CostRecord, Grid, Record, Row


def accuracy(row: str, value: float, seed: int = 0) -> Cell[Record]:
    return Cell(row, "natural", seed, AccuracyRecord(value=value, n=10, low=0, high=1), None, Path())


def cost(row: str, metric: str, seed: int = 0) -> Cell[Record]:
    return Cell(row, "cost", seed, CostRecord(metric=metric, form="dense", value=1, unit="count"), None, Path())


def made(*cells: Cell[Record]) -> Grid:
    rows = [Row("dense", family="dense"), Row("weight 90%", base="dense", requested=0.9, family="weight")]
    return Grid(rows, {"natural": "accuracy", "cost": "cost"}, (0, 1), cells)


def test_cells_of_one_kind_stand_at_their_places() -> None:
    grid = made(accuracy("dense", 0.9), cost("dense", "macs"), accuracy("weight 90%", 0.8))
    assert list(grid.of(AccuracyRecord)) == [("dense", "natural"), ("weight 90%", "natural")]
    assert list(grid.of(CostRecord)) == [("dense", "cost")]


def test_cells_are_in_the_order_of_the_seeds_and_then_in_that_of_the_records() -> None:
    grid = made(cost("dense", "macs", 1), cost("dense", "bytes", 1), cost("dense", "macs"), cost("dense", "bytes"))
    held = grid.of(CostRecord)["dense", "cost"]
    assert [(cell.seed, cell.record.metric) for cell in held] == [(0, "macs"), (0, "bytes"), (1, "macs"), (1, "bytes")]


def test_a_kind_that_is_not_measured_has_no_places() -> None:
    assert made().of(AccuracyRecord) == {}


def test_rows_say_where_they_come_from() -> None:
    grid = made()
    assert grid.by_name["weight 90%"].base == "dense"
    assert grid.rates == {"dense": 0.0, "weight 90%": 0.9}


@pytest.mark.parametrize("package", ["results", "claims"])
def test_neither_torch_nor_scipy_is_loaded_for_reading_results(package: str) -> None:
    code = f"import sys, blackthorn.{package}; print(sorted({{'torch', 'scipy'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
