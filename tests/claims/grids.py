"""Small grids of hand-made records."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blackthorn.results import AccuracyRecord, Cell, CostRecord, DetectionRecord, Grid, PruningCurveRecord, Row, wilson


def accuracy(
    row: str,
    flags: NDArray[np.bool_],
    metric: str = "natural",
    *,
    seed: int = 0,
    first: int = 0,
    alarms: tuple[str, ...] = (),
) -> Cell[AccuracyRecord]:
    """A measured accuracy; `first` images were left out at the beginning."""
    right, n = int(flags.sum()), len(flags)
    low, high = wilson(right, n)
    record = AccuracyRecord(value=right / n, n=n, low=low, high=high, first=first, alarms=alarms)
    return Cell(row, metric, seed, record, flags, Path())


def cost(row: str, metric: str, form: str, value: float, batch: int | None = None, seed: int = 0) -> Cell[CostRecord]:
    """One cost of one form."""
    unit = "ms" if metric == "latency" else "count"
    record = CostRecord(metric=metric, form=form, batch=batch, value=value, unit=unit)
    return Cell(row, "cost", seed, record, None, Path())


def point(
    rate: float, gained: int, lost: int, *, n: int, layer: str | None = None, noise: str | None = None, seed: int = 0
) -> Cell[PruningCurveRecord]:
    """A point of the curve `curve` of the network `dense`, from half of `n` images right at the smallest rate."""
    right = n // 2 + gained - lost
    low, high = wilson(right, n)
    record = PruningCurveRecord(
        criterion="magnitude",
        layer=layer,
        noise=noise,
        rate=rate,
        sparsity=rate,
        value=right / n,
        low=low,
        high=high,
        n=n,
        gained=gained,
        lost=lost,
    )
    return Cell("dense", "curve", seed, record, None, Path())


def detector(
    row: str, area: float, *, noise: str | None = None, metric: str = "pgd", seed: int = 0, **more: Any
) -> Cell[DetectionRecord]:
    """A detector with an area of +- 0.02, past which 60 % of the images slip, [55, 65]."""
    said: dict[str, Any] = {
        "attack": {"kind": "pgd", "eps": 0.1},
        "noise": noise,
        "outputs": "raw",
        "value": area,
        "low": area - 0.02,
        "high": area + 0.02,
        "n": 400,
        "tpr_1": 0.5,
        "tpr_5": 0.6,
        "threshold_5": 0.3,
        "accuracy": 0.9,
        "accuracy_attacked": 0.1,
        "undetected": 0.6,
        "undetected_low": 0.55,
        "undetected_high": 0.65,
    }
    return Cell(row, metric, seed, DetectionRecord(**{**said, **more}), None, Path())


def grid(cells: Sequence[Cell[Any]], seeds: Sequence[int] = (0,), rates: Mapping[str, float] | None = None) -> Grid:
    """Cells in their places; `rates` has every row of a recipe, by default those that have a cell."""
    rows = dict.fromkeys((cell.row for cell in cells), 0.0) if rates is None else rates
    metrics = {cell.metric: cell.record.measure for cell in cells}
    return Grid([Row(name, requested=rate) for name, rate in rows.items()], metrics, seeds, cells)
