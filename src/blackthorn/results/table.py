"""A grid as a plain table: one line for each number that has an interval, for programs."""

from collections.abc import Iterator
from dataclasses import dataclass

from .accuracy import AccuracyRecord
from .certified import CertifiedRecord
from .estimates import estimate
from .grid import Cell, Grid
from .record import Record


@dataclass(frozen=True)
class Line:
    """The mean over seeds at one place, with its 95 % interval."""

    row: str
    metric: str
    value: float
    """A fraction in [0, 1] where it is a share of images, else in a unit of its own."""
    low: float
    high: float
    n: int
    """Test images of one seed."""
    seeds: tuple[int, ...]
    alarms: tuple[str, ...] = ()
    """Which alarms rang: then the value is an upper bound that must not be compared."""


def lines(grid: Grid) -> list[Line]:
    """Accuracies, proved shares and numbers in units of their own, by row and then by metric."""
    places: dict[tuple[str, str], list[Cell[Record]]] = {}
    for kind in {type(cell.record) for cell in grid.cells}:
        if issubclass(kind, AccuracyRecord | CertifiedRecord) or kind.plain:
            places |= {place: list(cells) for place, cells in grid.of(kind).items()}
    return [line for row in grid.rows for metric in grid.metrics for line in _line(places, row.name, metric)]


def by_seed(grid: Grid) -> list[Line]:
    """The same with a line for each seed."""
    return [
        line
        for seed in grid.seeds
        for line in lines(Grid(grid.rows, grid.metrics, [seed], [cell for cell in grid.cells if cell.seed == seed]))
    ]


def _line(places: dict[tuple[str, str], list[Cell[Record]]], row: str, metric: str) -> Iterator[Line]:
    cells = places.get((row, metric), [])
    found = estimate(cells)
    if found is not None:
        alarms = tuple(dict.fromkeys(alarm for cell in cells for alarm in cell.record.alarms))
        yield Line(row, metric, found.value, found.low, found.high, found.n, found.seeds, alarms)
