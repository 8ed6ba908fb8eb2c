"""Where the numbers come from, and how to make the page again."""

from collections.abc import Iterable

from ..page import Page
from ..template import fill
from ..words import names
from .view import View


def view(page: Page) -> View:
    """Every page has it."""
    html = fill("views/provenance.html", command=page.command, facts=provenance(page), recipe_text=page.recipe_text)
    return View(name="provenance", nav="Provenance", title="Where this comes from", html=html)


def provenance(page: Page) -> list[tuple[str, str]]:
    """What the caller says, then what the records say; a fact with several values shows them all."""
    records = [cell.record for cell in page.grid.cells]
    accuracies = [cell.record for cells in page.accuracy.values() for cell in cells]
    measured = {(cell.row, cell.metric, cell.seed): cell.record.seconds for cell in page.grid.cells}
    found = {
        "seeds": " ".join(map(str, page.seeds)),
        "dataset": _all(record.dataset for record in records),
        "version": _all(record.version for record in records),
        "commit": _all(record.commit for record in records),
        "torch": _all(record.torch for record in records),
        "device": _all(record.device for record in records),
        "threads": _all(str(record.threads or "") for record in records),
        "precision": _all(record.precision for record in accuracies),
    }
    told = {**page.provenance}
    said = {name.lower() for name in told}
    told |= {name: held for name, held in found.items() if name not in said}
    if "seconds" not in said and any(measured.values()):
        told["time spent measuring"] = f"{sum(measured.values()):.0f} s"
    return [(name, held) for name, held in told.items() if held]


def _all(values: Iterable[str]) -> str:
    return names(list(dict.fromkeys(filter(None, values))), 6)
