"""Two reports compared: what changed in the recipe, and which numbers differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..claims.finding import gained
from ..errors import StoreError
from ..files import one_line
from ..results import AccuracyRecord, Cell, Difference, Estimate, Grid, Place, Record, difference, estimate
from ..results.statistics import apart
from .reading import AnyPath, folder_of, grid_of

_IMAGES = ("source", "resize", "mode", "test")  # what decides which test images there are
_LEVEL = 0.05


@dataclass(frozen=True)
class Compared:
    """One number in both reports."""

    row: str
    metric: str
    a: Estimate
    b: Estimate
    difference: Difference
    """b minus a: image by image where both looked at the same images, else from the two intervals."""
    differs: bool
    """Whether it differs, at 5 % over all numbers that are compared."""


@dataclass(frozen=True)
class Comparison:
    """What changed from the first report to the second."""

    changes: Mapping[str, tuple[Any, Any]]
    """Path in the recipe -> what stands there in each; None where nothing does."""
    numbers: Sequence[Compared]
    only_a: Sequence[Place]
    """What only the first has measured."""
    only_b: Sequence[Place]

    @property
    def summary(self) -> str:
        """How many numbers differ, in a sentence."""
        count, many = sum(one.differs for one in self.numbers), len(self.numbers)
        if not many:
            return "no number is in both"
        corrected = f"p < {_LEVEL}, corrected for {many} comparisons" if many > 1 else f"p < {_LEVEL}"
        return (
            f"{count} of {many} numbers differ ({corrected})" if count else f"no difference can be told ({corrected})"
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        return {
            "recipe": [{"path": path, "a": a, "b": b} for path, (a, b) in self.changes.items()],
            "numbers": [
                {
                    "row": one.row,
                    "metric": one.metric,
                    "a": one.a.value,
                    "b": one.b.value,
                    "difference": one.difference.value,
                    "low": one.difference.low,
                    "high": one.difference.high,
                    "p": one.difference.p_value,
                    "paired": one.difference.paired,
                    "differs": one.differs,
                }
                for one in self.numbers
            ],
            "only_a": [list(place) for place in self.only_a],
            "only_b": [list(place) for place in self.only_b],
            "summary": self.summary,
        }

    def words(self, one: Compared) -> str:
        """A difference with its interval."""
        test = one.difference
        share = one.a.bounds == one.b.bounds == (0.0, 1.0)
        return gained(test) if share else f"{test.value:+.4g} [{test.low:+.4g}, {test.high:+.4g}]"


def compared(a: AnyPath, b: AnyPath) -> Comparison:
    """Compare two reports by their records.

    Which numbers differ is corrected for how many are compared (Holm 1979). Numbers of other test images are compared
    by their intervals alone.

    Args:
        a: the first, its folder or its page, or a folder that `blackthorn report --record` wrote.
        b: the second.
    Raises:
        StoreError: there is no such report, or it is damaged.
    """
    grids, recipes = (grid_of(a), grid_of(b)), (recipe_in(folder_of(a)), recipe_in(folder_of(b)))
    same = _images(recipes[0]) == _images(recipes[1])
    held_a, held_b = (_cells(grid, same) for grid in grids)
    found = []
    for place in held_a:
        left, right = estimate(held_a[place]), estimate(held_b.get(place, []))
        if left is not None and right is not None:
            found.append((place, left, right, _difference(held_b[place], held_a[place], right, left)))
    differ = _holm([test.p_value for *_, test in found])
    numbers = [Compared(*place, left, right, test, told) for (place, left, right, test), told in zip(found, differ)]
    return Comparison(
        changes(*recipes),
        numbers,
        [place for place in held_a if place not in held_b],
        [place for place in held_b if place not in held_a],
    )


def changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Path -> what stands there in each of two recipes that are written out, where they differ."""
    flat_a, flat_b = dict(_flat(a)), dict(_flat(b))
    paths = [path for path in {**flat_a, **flat_b} if flat_a.get(path) != flat_b.get(path)]
    return {path: (flat_a.get(path), flat_b.get(path)) for path in paths}


def recipe_in(folder: Path) -> dict[str, Any]:
    """The recipe of the report in a folder, as plain data.

    Raises:
        StoreError: it cannot be read.
    """
    import yaml

    try:
        read = yaml.safe_load((folder / "recipe.yaml").read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as problem:
        raise StoreError(f"{folder / 'recipe.yaml'}: cannot be read ({one_line(problem)})") from None
    return read if isinstance(read, dict) else {}


def _cells(grid: Grid, same: bool) -> dict[Place, list[Cell[Record]]]:
    """The places that hold one number for each seed; without flags where the images are others."""
    found: dict[Place, list[Cell[Record]]] = {}
    for cell in sorted(grid.cells, key=lambda cell: cell.seed):
        if cell.record.reading is not None:
            found.setdefault((cell.row, cell.metric), []).append(cell if same else replace(cell, flags=None))
    return {place: cells for place, cells in found.items() if len({cell.seed for cell in cells}) == len(cells)}


def _difference(
    first: Sequence[Cell[Record]], second: Sequence[Cell[Record]], left: Estimate, right: Estimate
) -> Difference:
    accuracies = [[cell for cell in cells if isinstance(cell.record, AccuracyRecord)] for cells in (first, second)]
    if len(accuracies[0]) == len(first) and len(accuracies[1]) == len(second):
        found = difference(*accuracies)  # type: ignore[arg-type]  # looked at one by one above
        if found is not None:
            return found
    return apart(left, right)


def _holm(p_values: Sequence[float]) -> list[bool]:
    """Which hypotheses fall, in the order given."""
    order = sorted(range(len(p_values)), key=lambda number: p_values[number])
    falls = [False] * len(p_values)
    for rank, number in enumerate(order):
        if p_values[number] * (len(p_values) - rank) >= _LEVEL:
            break
        falls[number] = True
    return falls


def _images(recipe: Mapping[str, Any]) -> list[Any]:
    data = recipe.get("data")
    return [data.get(name) for name in _IMAGES] if isinstance(data, Mapping) else [data]


def _flat(held: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    inside = held.items() if isinstance(held, dict) else enumerate(held) if isinstance(held, list) else ()
    if isinstance(held, (dict, list)) and held:
        for name, entry in inside:
            yield from _flat(entry, f"{path}.{name}" if path else str(name))
    else:
        yield path, held
