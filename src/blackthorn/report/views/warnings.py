"""Why numbers may say less than they seem to."""

from ..page import Page
from ..template import fill
from ..words import names
from .view import View


def view(page: Page) -> View | None:
    """None where nothing was warned of."""
    raised = warnings(page)
    if not raised:
        return None
    html = fill("views/warnings.html", warnings=raised)
    return View(name="warnings", nav="Warnings", title="Warnings", html=html)


def warnings(page: Page) -> list[tuple[str, str]]:
    """Each warning once, with where it was raised."""
    raised: dict[str, dict[str, None]] = {}
    for cell in page.grid.cells:
        for words in cell.record.warnings:
            raised.setdefault(words, {})[f"{cell.row} / {cell.metric}"] = None
    return [(words, names(list(places), 6)) for words, places in raised.items()]
