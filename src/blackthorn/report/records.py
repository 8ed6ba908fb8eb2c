"""The whole of what a page is made from, and careful reading of the flat records inside it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..results.cells import Cell, Published, Selected, Tried, Verdict


@dataclass(frozen=True)
class Page:
    """Everything a report shows. `rows` and `metrics`, those that are accuracies, give the order; cells may be
    incomplete.
    """

    title: str
    about: str
    recipe: str
    preset: str
    rows: Sequence[str]
    metrics: Sequence[str]
    cells: Sequence[Cell]
    missing: Sequence[str]
    """One line for each result that should be there and is not."""
    published: Published | None
    verdicts: Sequence[Verdict]
    command: str
    recipe_text: str
    provenance: Mapping[str, str]
    selections: Sequence[Selected] = ()

    @cached_property
    def accuracy(self) -> dict[tuple[str, str], list[Cell]]:
        """(row, metric) -> its accuracy cells, one for each seed, in the order of the seeds."""
        found: dict[tuple[str, str], dict[int, Cell]] = {}
        for cell in self.cells:
            if cell.record.get("measure") == "accuracy" and number(cell.record, "value") is not None:
                found.setdefault((cell.row, cell.metric), {})[cell.seed] = cell
        return {place: [by_seed[seed] for seed in sorted(by_seed)] for place, by_seed in found.items()}

    @cached_property
    def costs(self) -> list[Cell]:
        """The cost cells that carry a number."""
        return [
            cell
            for cell in self.cells
            if cell.record.get("measure") == "cost" and number(cell.record, "value") is not None
        ]

    @cached_property
    def curves(self) -> list[Cell]:
        """The cells of pruning curves that carry a number: one for each rate and noise."""
        return [
            cell
            for cell in self.cells
            if cell.record.get("measure") == "pruning_curve"
            and number(cell.record, "value") is not None
            and number(cell.record, "rate") is not None
        ]

    @cached_property
    def detections(self) -> list[Cell]:
        """The cells of detectors that carry a number: one for each attacker."""
        return [
            cell
            for cell in self.cells
            if cell.record.get("measure") == "detection" and number(cell.record, "value") is not None
        ]

    @cached_property
    def all_rows(self) -> list[str]:
        """`rows`, then any row that only the cells know."""
        return list(dict.fromkeys([*self.rows, *(cell.row for cell in self.cells)]))

    @cached_property
    def accuracy_metrics(self) -> list[str]:
        """The metrics that are accuracies, in order, including those with no cell yet."""
        accuracies = dict.fromkeys(metric for _, metric in self.accuracy)
        others = {cell.metric for cell in (*self.costs, *self.curves, *self.detections)} | {"cost"}
        asked = [metric for metric in self.metrics if metric in accuracies or metric not in others]
        return list(dict.fromkeys([*asked, *accuracies]))

    @cached_property
    def natural(self) -> str | None:
        """The metric measured without an attack; "natural" where there are several."""
        plain = [metric for metric in self.accuracy_metrics if self.attack(metric) == {}]
        return "natural" if "natural" in plain else next(iter(plain), None)

    def attack(self, metric: str) -> dict[str, object] | None:
        """The attack of a metric as spelled: {} for none, and None when no cell says so yet."""
        for (_, name), cells in self.accuracy.items():
            if name == metric:
                attack = cells[0].record.get("attack")
                return attack if isinstance(attack, dict) else {}
        return None

    def targeted_success(self, row: str, metric: str) -> float | None:
        """Under a universal noise, the share of images of other classes that are taken for its target: the mean over
        seeds; None where nothing aims at a class.
        """
        seen = [number(cell.record, "targeted_success") for cell in self.accuracy.get((row, metric), [])]
        shares = [share for share in seen if share is not None]
        return sum(shares) / len(shares) if shares else None

    def paper(self, row: str, metric: str) -> float | None:
        """The published number, in percent."""
        return None if self.published is None else self.published.values.get(row, {}).get(metric)


def number(record: Mapping[str, object], key: str) -> float | None:
    """The finite number under `key`, or None."""
    read = record.get(key)
    if isinstance(read, bool) or not isinstance(read, (int, float)) or not math.isfinite(read):
        return None
    return float(read)


def text(record: Mapping[str, object], key: str) -> str:
    """The words under `key`, or nothing."""
    read = record.get(key)
    return "" if read is None else str(read)


__all__ = ["Cell", "Page", "Published", "Selected", "Tried", "Verdict", "number", "text"]
