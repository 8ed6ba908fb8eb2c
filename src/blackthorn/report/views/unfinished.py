"""What is not measured yet, before anything else is read."""

from ..page import Page
from ..template import fill
from .view import View


def view(page: Page) -> View | None:
    """None where everything is measured."""
    missing = len(page.missing)
    if not missing:
        return None
    title = f"Not finished: {missing} result{'' if missing == 1 else 's'} missing"
    return View(name="unfinished", title=title, html=fill("views/unfinished.html", missing=page.missing))
