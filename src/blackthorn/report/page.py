"""The whole of what a page is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..claims import Selected, Verdict
from ..results import AccuracyRecord, Cell, CertifiedRecord, Grid, Place, Published, Record, alarms


@dataclass(frozen=True)
class Page:
    """Everything a report shows. The grid gives the order of rows and metrics; its cells may be incomplete."""

    title: str
    about: str
    recipe: str
    preset: str
    grid: Grid
    missing: Sequence[str]
    """One line for each result that should be there and is not."""
    published: Published | None
    verdicts: Sequence[Verdict]
    selections: Sequence[Selected]
    command: str
    """What to type to make the page again."""
    recipe_text: str
    provenance: Mapping[str, str]
    """What the caller knows about where the numbers come from: fact -> words."""

    @cached_property
    def rows(self) -> list[str]:
        """The names of the networks, in order."""
        return list(self.grid.by_name)

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds of which something is measured."""
        return sorted({cell.seed for cell in self.grid.cells})

    @cached_property
    def accuracy(self) -> dict[Place, list[Cell[AccuracyRecord]]]:
        """(row, metric) -> its accuracy cells, one for each seed."""
        return self.grid.of(AccuracyRecord)

    @cached_property
    def accuracy_of(self) -> dict[str, list[Cell[AccuracyRecord]]]:
        """Row -> its accuracy cells, metric by metric."""
        found: dict[str, list[Cell[AccuracyRecord]]] = {}
        for (row, _), cells in self.accuracy.items():
            found.setdefault(row, []).extend(cells)
        return found

    @cached_property
    def accuracy_metrics(self) -> list[str]:
        """The metrics that are accuracies, in order, including those with no cell yet."""
        measured = {metric for _, metric in self.accuracy}
        kind = AccuracyRecord.measure
        return [name for name, held in self.grid.metrics.items() if held == kind or name in measured]

    @cached_property
    def certified(self) -> dict[Place, list[Cell[CertifiedRecord]]]:
        """(row, metric) -> the cells of its share of images proved to stand, one for each seed."""
        return self.grid.of(CertifiedRecord)

    @cached_property
    def columns(self) -> list[str]:
        """The metrics of the table of results, in order: accuracies, which attacks bound from above, and proofs."""
        proofs = {name for name, held in self.grid.metrics.items() if held == CertifiedRecord.measure}
        return [name for name in self.grid.metrics if name in proofs or name in self.accuracy_metrics]

    @cached_property
    def plain(self) -> dict[Place, list[Cell[Record]]]:
        """(row, metric) -> the cells of its number in a unit of its own, such as a vulnerability, one for each seed."""
        found: dict[Place, list[Cell[Record]]] = {}
        for cell in self.grid.cells:
            if cell.record.plain:
                found.setdefault((cell.row, cell.metric), []).append(cell)
        return found

    @cached_property
    def plain_metrics(self) -> list[str]:
        """The metrics of these numbers, in order."""
        measured = {metric for _, metric in self.plain}
        return [name for name in self.grid.metrics if name in measured]

    def shares(self, row: str, metric: str) -> Sequence[Cell[AccuracyRecord] | Cell[CertifiedRecord]]:
        """The cells of one place of that table."""
        return self.accuracy.get((row, metric)) or self.certified.get((row, metric), [])

    def rings(self, metric: str, *rows: str) -> bool:
        """Whether an alarm rang for one of these: then its number is an upper bound, and they are not compared."""
        return any(alarms(self.accuracy.get((row, metric), [])) for row in rows)

    @cached_property
    def natural(self) -> str | None:
        """The metric measured without an attack; "natural" where there are several."""
        plain = [metric for metric in self.accuracy_metrics if metric in self._first and not self.attack(metric)]
        return "natural" if "natural" in plain else next(iter(plain), None)

    @cached_property
    def _first(self) -> dict[str, AccuracyRecord]:
        found: dict[str, AccuracyRecord] = {}
        for (_, metric), cells in self.accuracy.items():
            found.setdefault(metric, cells[0].record)
        return found

    def first(self, metric: str) -> AccuracyRecord | None:
        """The first record of an accuracy: all of a metric were measured in the same way. None before there is one."""
        return self._first.get(metric)

    def attack(self, metric: str) -> dict[str, Any] | None:
        """The attack of a metric as a recipe spells it; None without one, or before anything is measured."""
        first = self.first(metric)
        return None if first is None else first.attack

    def paper(self, row: str, metric: str) -> float | None:
        """The published number, as printed: accuracies in percent."""
        return None if self.published is None else self.published.values.get(row, {}).get(metric)
