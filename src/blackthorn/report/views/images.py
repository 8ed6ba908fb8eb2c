"""A few test images: original, perturbation and attacked image, as PNG in data URIs."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...results import AccuracyRecord, Cell, FragilityRecord
from ..families import featured, networks
from ..page import Page
from ..pictures import EXAMPLES, kept, png
from ..template import fill
from .view import View

_IMAGES, _ROWS, _METRICS = 4, 6, 3  # what fits on a page: 72 triples at most
_FACTORS = (500, 200, 100, 50, 30, 20, 10, 5, 3, 2, 1)
_LESS, _ZERO, _MORE = (np.array(rgb) / 255.0 for rgb in ((0, 114, 178), (246, 246, 246), (213, 94, 0)))  # Okabe-Ito

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Triple:
    """One image before and after, with what the network said."""

    original: str
    perturbation: str
    adversarial: str
    label: str
    predicted: str
    fooled: str
    """The prediction on the adversarial image."""
    outcome: str
    """ "fooled", "resisted" or "wrong already"."""


@dataclass(frozen=True)
class Strip:
    """The triples of one network."""

    row: str
    triples: list[Triple]


@dataclass(frozen=True)
class Gallery:
    """The strips of one metric, all perturbations drawn with the same factor."""

    metric: str
    factor: int
    colour: bool
    strips: list[Strip]
    left_out: int
    """Networks that have examples and are not drawn."""


def view(page: Page) -> View | None:
    """None where no examples were kept.

    Raises:
        StoreError: an examples file that cannot be read.
    """
    found = galleries(page)
    if not found:
        return None
    html = fill("views/images.html", galleries=found)
    return View(name="images", nav="Images", title="What the attacks change", html=html)


def galleries(page: Page) -> list[Gallery]:
    """For a few attacks (the last of each kind and source; recipes list them from weak to strong), a few networks each.

    Raises:
        StoreError: an examples file that cannot be read.
    """
    held: dict[str, dict[str, Cell[AccuracyRecord]]] = {}
    for (row, metric), cells in page.accuracy.items():
        for cell in cells:
            if page.attack(metric) and cell.folder is not None and (cell.folder / EXAMPLES).is_file():
                held.setdefault(metric, {}).setdefault(row, cell)
    by_kind = {_kind(page, m, held[m]): m for m in page.accuracy_metrics if m in held}
    return [_gallery(page, metric, held[metric]) for metric in list(by_kind.values())[:_METRICS]]


def _kind(page: Page, metric: str, cells: dict[str, Cell[AccuracyRecord]]) -> tuple[str, str | None]:
    return str((page.attack(metric) or {}).get("kind")), next(iter(cells.values())).record.source


def _gallery(page: Page, metric: str, cells: dict[str, Cell[AccuracyRecord]]) -> Gallery:
    drawn = featured([row for row in networks(page) if row.name in cells], _ROWS)
    examples = {row.name: read_examples(folder) for row in drawn if (folder := cells[row.name].folder) is not None}
    factor = amplified(max((float(np.abs(e.moved).max(initial=0)) for e in examples.values()), default=0.0))
    strips = [Strip(name, [triple(e, i, factor, cells[name]) for i in e.chosen]) for name, e in examples.items()]
    colour = any(e.original.shape[1] == 3 for e in examples.values())
    return Gallery(metric, factor, colour, strips, len(cells) - len(strips))


def amplified(largest: float) -> int:
    """By how much perturbations are multiplied to be seen, if this is the largest change of a pixel."""
    return next((factor for factor in _FACTORS if largest and factor * largest <= 1 + 1e-6), 1)


@dataclass(frozen=True)
class Examples:
    """The images that a stage kept for people to look at."""

    original: Floats
    adversarial: Floats
    label: NDArray[np.int64]
    predicted: NDArray[np.int64]
    fooled: NDArray[np.int64]

    @property
    def moved(self) -> Floats:
        return (self.adversarial - self.original)[self.chosen]

    @property
    def chosen(self) -> list[int]:
        """Images that were right and then fooled first, and of those one of each class first."""
        turned = (self.predicted == self.label) & (self.fooled != self.label)
        seen: dict[int, int] = {}
        repeats = []
        for label in self.label.tolist():
            repeats.append(seen.get(label, 0))
            seen[label] = repeats[-1] + 1
        order = sorted(range(len(self.label)), key=lambda i: (not turned[i], repeats[i], i))
        return order[:_IMAGES]


def read_examples(folder: Path) -> Examples:
    """The examples of a cell, in its folder.

    Raises:
        StoreError: a file that cannot be read.
    """
    names = ("original", "adversarial", "label", "predicted", "predicted_adversarial")
    original, adversarial, *answers = kept(folder, names)
    return Examples(
        original.astype(np.float64), adversarial.astype(np.float64), *(held.astype(np.int64) for held in answers)
    )


def triple(examples: Examples, i: int, factor: int, cell: Cell[AccuracyRecord] | Cell[FragilityRecord]) -> Triple:
    """The `i`-th example, its perturbation drawn `factor` times as large."""
    label, before, after = (int(held[i]) for held in (examples.label, examples.predicted, examples.fooled))
    original, adversarial = examples.original[i], examples.adversarial[i]
    return Triple(
        original=png(original),
        perturbation=png(_diverging((adversarial - original) * factor)),
        adversarial=png(adversarial),
        label=_class_name(cell, label),
        predicted=_class_name(cell, before),
        fooled=_class_name(cell, after),
        outcome="wrong already" if before != label else "resisted" if after == label else "fooled",
    )


def _class_name(cell: Cell[AccuracyRecord] | Cell[FragilityRecord], index: int) -> str:
    classes = cell.record.classes
    return classes[index] if 0 <= index < len(classes) else str(index)


def _diverging(moved: Floats) -> Floats:
    """(C, H, W) in [-1, 1] -> (3, H, W): one channel from blue over white to orange, three about grey."""
    if moved.shape[0] == 3:
        return 0.5 + moved / 2
    strength = np.clip(moved.mean(axis=0), -1, 1)[..., None]
    end = np.where(strength < 0, _LESS, _MORE)
    drawn: Floats = (_ZERO + np.abs(strength) * (end - _ZERO)).transpose(2, 0, 1)
    return drawn
