"""Which classes a network does worst on: accuracy of each, untouched and under the strongest attack."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...results import AccuracyRecord, Cell, wilson
from ..families import featured, networks
from ..page import Page
from ..template import fill
from ..words import percent
from .view import View

_NETWORKS, _SHOWN = 2, 5  # what fits on a page; the other classes are folded away


@dataclass(frozen=True)
class ClassLine:
    """One class of one network."""

    name: str
    images: int
    natural: str
    attacked: str
    interval: str


@dataclass(frozen=True)
class Classes:
    """The classes of one network, the worst first."""

    row: str
    metric: str
    """The strongest attack; empty where none was measured."""
    worst: list[ClassLine]
    others: list[ClassLine]


def view(page: Page) -> View | None:
    """None where there are many networks, or nothing was counted by class."""
    rows = networks(page)
    found = [made for row in featured(rows, _NETWORKS) if (made := classes(page, row.name)) is not None]
    if not found or len(rows) > _NETWORKS:
        return None
    html = fill("views/classes.html", tables=found)
    return View(name="classes", nav="Classes", title="The worst classes", html=html)


def classes(page: Page, row: str) -> Classes | None:
    """The classes of a network by accuracy under its strongest attack; None where they were not counted."""
    metric = strongest(page, row)
    natural = by_class(page.accuracy.get((row, page.natural or ""), []))
    attacked = by_class(page.accuracy.get((row, metric or ""), []))
    if not natural and not attacked:
        return None
    lines = []
    for name, (right, images) in (attacked or natural).items():
        low, high = wilson(right, images)
        before = natural.get(name)
        line = ClassLine(
            name,
            images,
            percent(before[0] / before[1]) if before and before[1] else "",
            percent(right / images) if attacked else "",
            f"{percent(low)} – {percent(high)}",
        )
        lines.append((right / images, line))
    ordered = [line for _, line in sorted(lines, key=lambda pair: pair[0])]
    return Classes(row, metric or "", ordered[:_SHOWN], ordered[_SHOWN:])


def strongest(page: Page, row: str) -> str | None:
    """The measure under which least of a network stands, at the largest radius of several; None without an attack."""
    attacked = {
        metric: (cells[0].record.value, -(cells[0].record.eps or 0.0))
        for metric in page.accuracy_metrics
        if page.attack(metric) and (cells := page.accuracy.get((row, metric), []))
    }
    return min(attacked, key=lambda metric: attacked[metric], default=None)


def by_class(cells: Sequence[Cell[AccuracyRecord]]) -> dict[str, tuple[int, int]]:
    """Name of each class that has images -> images that are right, and images, of the first seed."""
    if not cells:
        return {}
    record = cells[0].record
    return {
        record.classes[label] if label < len(record.classes) else str(label): counted
        for label, counted in enumerate(record.by_class)
        if counted[1]
    }
