"""What a recipe hands to its report: measured cells, the paper's numbers, statements judged and networks selected.

Plain dataclasses over numpy, so that a page can be written, or a results file read, without loading torch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Cell:
    """One record of one measure: a place in the table `row` x `metric`, for one seed."""

    row: str
    """The network in plain words: "dense", "weight 98%", "pgd filter 75%"."""
    metric: str
    """The recipe's name of the measure: "natural", "fgsm 0.1", "pgd 8/255", "cost"."""
    seed: int
    record: dict[str, object]
    """One flat JSON line of `records.jsonl`."""
    flags: NDArray[np.bool_] | None
    """(images,), True = classified right; None where the measure is not about images."""
    folder: Path
    """Where the stage left its files, such as `examples.safetensors`."""


@dataclass(frozen=True)
class Published:
    """A paper's numbers for the same rows and metrics, in percent as printed."""

    source: str
    values: Mapping[str, Mapping[str, float]]
    """row -> metric -> percent."""


@dataclass(frozen=True)
class Verdict:
    """A statement of the recipe beside what the numbers say about it."""

    statement: str
    holds: bool | None
    """None = cannot be told yet, because rows are missing."""
    evidence: str


@dataclass(frozen=True)
class Tried:
    """A network of a sweep, as a rule sees it."""

    row: str
    rate: float
    """The fraction that was to be removed."""
    passes: bool | None
    """None = not measured yet."""
    changes: Mapping[str, float]
    """metric -> points against the unpruned network, for what the rule looks at and is measured."""


@dataclass(frozen=True)
class Selected:
    """What a rule picked from a sweep, and the sweep it was picked from."""

    name: str
    rule: str
    """In words."""
    than: str
    """The unpruned network."""
    picked: Tried | None
    """None = no network passes, or it cannot be told yet."""
    settled: bool
    """False = it cannot be told yet, because networks are missing."""
    published: float | None
    """The rate that the paper picked."""
    sweep: tuple[Tried, ...]
    """From the smallest rate to the largest."""
    note: str
    """What is missing, or what one should know before quoting the pick."""
