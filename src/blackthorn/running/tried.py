"""What came of a compression's sweep: which networks could be had, their files, and what each gains and loses."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..claims.wishes import Candidate
from ..recipes.compression import CHOSEN_BY, TIMED, Compression
from ..recipes.planning import Plan
from ..results import AccuracyRecord, CostRecord, Grid
from ..stages.artifacts import NETWORK
from .store import Store


@dataclass(frozen=True)
class Tried:
    """The networks of a sweep, the original first."""

    options: Compression
    plan: Plan
    store: Store
    grid: Grid
    failures: Mapping[str, str]
    """The stages that failed, with their messages."""

    @property
    def original(self) -> str:
        """The network that all were made from."""
        return self.plan.rows[0].name

    @property
    def failed(self) -> dict[str, str]:
        """The networks that could not be made or measured, or not be compared, each with the first reason."""
        found = failed_rows(self.plan, self.failures)
        for (row, metric), cells in self.grid.of(AccuracyRecord).items():
            if alarms := [alarm for cell in cells for alarm in cell.record.alarms]:
                said = f"{row}, {metric}: an alarm rang ({', '.join(alarms)}), so that it must not be compared"
                found.setdefault(row, said)
        return found

    @property
    def made(self) -> list[str]:
        """Those that could."""
        failed = self.failed
        return [row.name for row in self.plan.rows if row.name not in failed]

    def file(self, row: str) -> Path:
        """The bundle of a network."""
        stage = next(place.stage.parent for place in self.plan.places if place.row == row)
        assert stage is not None  # a measure measures a network
        return self.store.stage(stage.name, NETWORK) / NETWORK

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of the file of each network.

        Raises:
            StoreError: a file cannot be read.
        """
        with self.store.written():
            return {row: self.file(row).stat().st_size for row in self.made}

    @property
    def candidates(self) -> list[Candidate]:
        """Every network that was pruned, with what it gains and what it loses."""
        sizes, wishes = self.sizes, self.options.wishes
        value = {place: cells[0].record for place, cells in self.grid.of(AccuracyRecord).items()}
        found = []
        for row in self.made[1:]:
            gains = {
                "smaller": sizes[self.original] / sizes[row],
                "sparsity": value[row, CHOSEN_BY].sparsity_weights or 0.0,
                "faster": self._faster(row),
            }
            losses = {
                metric: 100 * (value[self.original, metric].value - value[row, metric].value)
                for metric in wishes.losses
            }
            found.append(Candidate(row, {name: gains[name] for name in wishes.gains}, losses))
        return found

    def _faster(self, row: str) -> float:
        """How many times less time than the network before it was cut down, which is as large as the original: both
        were timed in turns. 0 where no time was measured.
        """
        records = [cell.record for cell in self.grid.of(CostRecord).get((row, TIMED), [])]
        took = {one.form: one.value for one in records if (one.metric, one.batch) == ("latency", self.options.batch)}
        return took["masked"] / took["shrunk"] if {"masked", "shrunk"} <= took.keys() else 0.0


def failed_rows(plan: Plan, failures: Mapping[str, str]) -> dict[str, str]:
    """The networks that could not be made or measured, each with the first reason."""
    found: dict[str, str] = {}
    for place in plan.places:
        if place.stage.key in failures:
            found.setdefault(place.row, failures[place.stage.key])
    return found
