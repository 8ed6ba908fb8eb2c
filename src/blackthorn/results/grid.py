"""Everything that was measured, in its place: rows are networks, columns are metrics, one cell for each seed.

Claims are judged and pages are drawn from a grid. Nothing here loads torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from .record import Record

R = TypeVar("R", bound=Record, covariant=True)
K = TypeVar("K", bound=Record)

Place = tuple[str, str]
"""(row, metric)."""


@dataclass(frozen=True)
class Cell(Generic[R]):
    """One record of one measure: a place in the table `row` x `metric`, for one seed."""

    row: str
    """The network in plain words: "dense", "weight 98%", "pgd filter 75%"."""
    metric: str
    """The recipe's name of the measure: "natural", "fgsm 0.1", "pgd 8/255", "cost"."""
    seed: int
    record: R
    flags: NDArray[np.bool_] | None
    """(images,), True = classified right; None where the measure is not about images."""
    folder: Path | None
    """Where the stage left its files, such as `examples.safetensors`; None for what was read from a record, which has
    no images.
    """


@dataclass(frozen=True)
class Row:
    """A network of the table and where it comes from, as the recipe says."""

    name: str
    base: str | None = None
    """The row of the unpruned network that it was pruned from; None for one that is not pruned, or whose unpruned
    network is no row."""
    requested: float = 0.0
    """The fraction that was to be removed, by the last pruning on its way; 0 = not pruned."""
    family: str = ""
    """What rows that differ in nothing but the rate share: "weight" of "weight 90%" and "weight 98%"."""
    images: str = ""
    """The images, made by the recipe, that it was trained on last; empty for those of the data set."""
    file_of: str | None = None
    """The row that it is an exported file of; None for a network, and where what was exported is no row."""
    format: str = ""
    """Of that file: onnx or int8."""


@dataclass(frozen=True)
class Grid:
    """The table of a recipe, as far as it is measured."""

    rows: Sequence[Row]
    """In the order of the recipe."""
    metrics: Mapping[str, str]
    """Name of each measure of the recipe, in order, and its kind: {"natural": "accuracy", "cost": "cost"}."""
    seeds: Sequence[int]
    cells: Sequence[Cell[Record]]

    @cached_property
    def by_name(self) -> dict[str, Row]:
        """Rows by name."""
        return {row.name: row for row in self.rows}

    @cached_property
    def rates(self) -> dict[str, float]:
        """The fraction that was to be removed from each row; 0 = not pruned."""
        return {row.name: row.requested for row in self.rows}

    def of(self, kind: type[K]) -> dict[Place, list[Cell[K]]]:
        """Place -> its cells of one kind of record, in the order of the seeds, and of the records within a seed."""
        return self._by_kind.get(kind, {})

    @cached_property
    def _by_kind(self) -> dict[type, dict[Place, list[Cell[Any]]]]:
        found: dict[type, dict[Place, list[Cell[Any]]]] = {}
        for cell in sorted(self.cells, key=lambda cell: cell.seed):  # stable
            found.setdefault(type(cell.record), {}).setdefault((cell.row, cell.metric), []).append(cell)
        return found
