"""The images of robust data sets: originals, where they began, and what a robust network sees in them."""

from dataclasses import dataclass

import numpy as np

from ...results import Cell, RobustImagesRecord
from ..attacks import kind_words
from ..csv_text import csv_text
from ..page import Page
from ..pictures import kept, pictured, png
from ..template import fill
from ..words import percent, radius
from .view import View

_HEADER = (
    *("images", "seed", "network", "steps", "n", "start_distance", "distance", "distance_low", "distance_high"),
    *("robust_accuracy", "standard_accuracy", "folder"),
)


@dataclass(frozen=True)
class Pair:
    """One training image, and what became of it."""

    original: str
    start: str
    robust: str
    label: str


@dataclass(frozen=True)
class Made:
    """One robust data set, of one seed."""

    name: str
    seed: int
    network: str
    steps: int
    n: str
    before: str
    distance: str
    middle: str
    """Between which distances half of the images are."""
    compared: str
    """How robust the network is; empty where it was compared with none."""
    folder: str
    """Of the store; empty for images that were made elsewhere."""
    pairs: list[Pair]
    """Of the first seed whose images are here."""


def view(page: Page) -> View | None:
    """None where no robust data set was made.

    Raises:
        StoreError: an examples file that cannot be read.
    """
    found = page.grid.of(RobustImagesRecord).values()
    if not found:
        return None
    made = [_made(cell, _pairs(cell) if cell is pictured(held) else []) for held in found for cell in held]
    return View(
        name="robust-images",
        nav="Robust images",
        title="What a robust network sees in the training images",
        html=fill("views/robust_images.html", made=made),
        files={"robust-images.csv": csv_text(_HEADER, [_line(cell) for held in found for cell in held])},
    )


def _made(cell: Cell[RobustImagesRecord], pairs: list[Pair]) -> Made:
    record = cell.record
    compared = ""
    if record.standard is not None:
        attack = record.attack
        under = f"{kind_words(str(attack['kind']))} ({attack.get('norm', 'linf')}, eps {radius(float(attack['eps']))})"
        compared = (
            f"Under {under}, {record.network} is right on {percent(record.robust)} % of the images that "
            f"the two were compared on, and {record.compared} on {percent(record.standard)} %."
        )
    return Made(
        cell.row,
        cell.seed,
        record.network,
        record.steps,
        f"{record.n:,}",
        f"{record.before:.2f}",
        f"{record.distance:.2f}",
        f"{record.low:.2f} and {record.high:.2f}",
        compared,
        _folder(record),
        pairs,
    )


def _folder(record: RobustImagesRecord) -> str:
    return f"stages/{record.key}" if record.key else ""


def _pairs(cell: Cell[RobustImagesRecord]) -> list[Pair]:
    if cell.folder is None:
        return []
    originals, starts, robust, labels = kept(cell.folder, ("original", "start", "robust", "label"))
    names = cell.record.classes
    drawn = [[png(one.astype(np.float64)) for one in images] for images in (originals, starts, robust)]
    named = [names[label] if 0 <= label < len(names) else str(label) for label in labels.tolist()]
    return [Pair(*pair) for pair in zip(*drawn, named)]


def _line(cell: Cell[RobustImagesRecord]) -> list[str]:
    one = cell.record
    distances = [f"{number:.6g}" for number in (one.before, one.distance, one.low, one.high)]
    shares = ["" if share is None else f"{share:.6g}" for share in (one.robust, one.standard)]
    return [cell.row, str(cell.seed), one.network, str(one.steps), str(one.n), *distances, *shares, _folder(one)]
