"""From cells to numbers with intervals: the mean over seeds at one place, and the difference between two places.

A number under alarm is an upper bound. So its interval reaches down to 0, and that of a difference is open on the side
that the bound says nothing about, or on both: whatever is decided from them is decided only as far as a bound can.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .accuracy import AccuracyRecord
from .grid import Cell
from .intervals import Open
from .record import Record
from .statistics import Difference, Estimate, Reading, apart, compare, over_seeds

K = TypeVar("K", bound=Record)


def _whole(record: Record) -> Reading | None:
    return record.reading


def estimate(cells: Sequence[Cell[K]], read: Callable[[K], Reading | None] = _whole) -> Estimate | None:
    """The mean over seeds of what the cells of one place hold, with its 95 % interval.

    Args:
        cells: one for each seed.
        read: which of a record's numbers; by default the one that it is about.
    Returns:
        None without cells, and where a seed lacks the number.
    """
    found = _as_measured(cells, read)
    return replace(found, ends=Open(found.ends, below=True)) if found is not None and alarms(cells) else found


def alarms(cells: Sequence[Cell[Record]]) -> tuple[str, ...]:
    """The alarms that rang for any seed, each once."""
    return tuple(dict.fromkeys(name for cell in cells for name in cell.record.alarms))


def difference(
    first: Sequence[Cell[AccuracyRecord]], second: Sequence[Cell[AccuracyRecord]], *, as_found: bool = False
) -> Difference | None:
    """First minus second over the seeds that they share; None where they share none.

    Where an alarm rang for the first, the truth may be any smaller; where one rang for the second, any larger. Not so
    with `as_found`: what each attack left standing is exact, whatever a better one would leave.

    Compared image by image, on the test images that both were measured on: `n_max` or `part` of one of them, or images
    that a substitute was trained on, are left out of both. From the two intervals alone where they share no image, and
    where one has no flags.
    """
    ours, theirs = {cell.seed: cell for cell in first}, {cell.seed: cell for cell in second}
    seeds = sorted(ours.keys() & theirs.keys())
    if not seeds:
        return None
    one, other = [ours[seed] for seed in seeds], [theirs[seed] for seed in seeds]
    pairs = [_shared(a, b) for a, b in zip(one, other)]
    flags = [pair for pair in pairs if pair is not None]
    if len(flags) == len(seeds) and len({pair.shape for pair in flags}) == 1:
        a, b = np.stack(flags, axis=1)
        found = compare(a, b, seeds=seeds)
    else:
        left, right = _as_measured(one, _whole), _as_measured(other, _whole)
        assert left is not None and right is not None  # every accuracy has its number
        found = apart(left, right)
    below, above = (bool(alarms(cells)) and not as_found for cells in (one, other))
    return replace(found, ends=Open(found.ends, below, above)) if below or above else found


def _shared(a: Cell[AccuracyRecord], b: Cell[AccuracyRecord]) -> NDArray[np.bool_] | None:
    """The flags of the images that both were measured on, (2, images); None where there are none."""
    if a.flags is None or b.flags is None:
        return None
    at, bt = a.record.index, b.record.index
    if at is None or bt is None:
        # An older version did not note which images it took. As many from the same end were the same ones.
        size = min(len(a.flags), len(b.flags))
        end = a.record.first + len(a.flags), b.record.first + len(b.flags)
        return np.stack([a.flags[-size:], b.flags[-size:]]) if size and len(set(end)) == 1 else None
    shared, i, j = np.intersect1d(at, bt, assume_unique=True, return_indices=True)
    return np.stack([a.flags[i], b.flags[j]]) if len(shared) else None


def _as_measured(cells: Sequence[Cell[K]], read: Callable[[K], Reading | None]) -> Estimate | None:
    """The mean over seeds, whether or not an alarm rang."""
    readings = [reading for cell in cells if (reading := read(cell.record)) is not None]
    if not readings or len(readings) < len(cells):
        return None
    return over_seeds(readings, [cell.seed for cell in cells])
