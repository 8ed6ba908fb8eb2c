"""What a recipe hands to its report: measured cells, the paper's numbers, and statements already judged.

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
