"""Which images fall first: how small a radius fools how many, and the most fragile images themselves."""

from dataclasses import dataclass

import numpy as np

from ...results import Cell, FragilityRecord
from ..csv_text import csv_text
from ..page import Page
from ..pictures import pictured
from ..template import fill
from ..words import percent, radius
from .images import Triple, amplified, read_examples, triple
from .view import View

_HEADER = ("row", "metric", "seed", "image", "radius")
_NETWORKS = 4


@dataclass(frozen=True)
class Fallen:
    """One of the most fragile images."""

    image: int
    """Its position among the test images."""
    radius: str
    triple: Triple


@dataclass(frozen=True)
class Fragile:
    """What falls first of one network."""

    row: str
    told: str
    factor: int
    images: list[Fallen]


def view(page: Page) -> View | None:
    """None where fragility was not measured.

    Raises:
        StoreError: the images cannot be read.
    """
    cells = page.grid.of(FragilityRecord)
    if not cells:
        return None
    found = [fragile(row, pictured(held)) for (row, _), held in list(cells.items())[:_NETWORKS]]
    lines = [
        (row, metric, str(cell.seed), str(image), f"{eps:.6g}")
        for (row, metric), held in cells.items()
        for cell in held
        for image, eps in zip(cell.record.weakest, cell.record.weakest_radii)
    ]
    html = fill("views/fragility.html", networks=found)
    files = {"fragile.csv": csv_text(_HEADER, lines)}
    return View(name="fragility", nav="Fragile images", title="The most fragile images", html=html, files=files)


def fragile(row: str, cell: Cell[FragilityRecord]) -> Fragile:
    """The most fragile images of one network, and the smallest radii in a sentence.

    Raises:
        StoreError: the images cannot be read.
    """
    record = cell.record
    if not record.weakest or cell.folder is None:
        return Fragile(row, told(record), 1, [])
    examples = read_examples(cell.folder)
    factor = amplified(float(np.abs(examples.adversarial - examples.original).max(initial=0)))
    kept = zip(record.weakest, record.weakest_radii)
    images = [Fallen(image, radius(eps), triple(examples, at, factor, cell)) for at, (image, eps) in enumerate(kept)]
    return Fragile(row, told(record), factor, images)


def told(record: FragilityRecord) -> str:
    """How many images the radii fool, in a sentence."""
    right = record.n - record.wrong
    fallen = np.cumsum(record.fooled)
    half = next((eps for eps, gone in zip(record.radii, fallen) if right and gone >= right / 2), None)
    first = (
        f"The smallest radius that was tried, {radius(record.radii[0])}, fools {record.fooled[0]:,} of the {right:,} "
        "images that are right"
    )
    if half is None:
        share = percent(record.standing / right) if right else "0"
        return f"{first}; {share} % of these stand at {radius(record.radii[-1])}."
    return f"{first}; {radius(half)} fools half of them."
