"""What the recipe claims, judged, and `statements.csv`."""

from markupsafe import Markup

from ...results.statistics import reach
from ..csv_text import csv_text, listed
from ..page import Page
from ..template import fill
from .view import View

_HEADER = ("statement", "holds", "evidence", "seeds")
_YES_NO = {True: "yes", False: "no", None: "unknown"}


def view(page: Page) -> View:
    """The file is written even where the recipe claims nothing."""
    told = reach(len(page.seeds)) if page.seeds else ""
    html = fill("views/statements.html", verdicts=page.verdicts, reach=told) if page.verdicts else Markup()
    files = {"statements.csv": statements_csv(page)}
    return View(name="statements", nav="Statements", title="Statements", html=html, files=files)


def statements_csv(page: Page) -> str:
    """Statements with yes, no or unknown, the evidence, and the seeds that it is from."""
    seeds = listed(page.seeds)
    return csv_text(_HEADER, [[v.statement, _YES_NO[v.holds], v.evidence, seeds] for v in page.verdicts])
