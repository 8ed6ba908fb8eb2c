"""What a part of the page is, and how to add one.

A part is one file in this folder: a function that takes the `Page` and gives a `View`, or None where it has nothing to
say. To add one, write `views/latency.py`:

    def view(page: Page) -> View | None:
        cells = page.grid.of(LatencyRecord)     # typed: {(row, metric): [cells, one for each seed]}
        if not cells:
            return None
        chart = Chart("latency", "Latency", "Shorter is faster.", series, panels, POINTS, table="latency.csv")
        return View(
            name="latency",
            nav="Latency",
            title="How long an image takes",
            html=fill("views/latency.html", chart=chart, lines=_lines(cells)),
            charts=[chart],
            files={"latency.csv": csv_text(("row", "seconds"), ...)},
        )

beside it `views/latency.html`, which may use the macros of `views/shared.html` (a figure with its legend, a table that
scrolls), and one line in `VIEWS` of `views/__init__.py`, whose order is that of the page. Nothing else is edited: the
charts are saved as PNG and SVG, the files are written, and both go away with the first report that lacks them. A part
that needs nothing but a chart takes the template `views/chart.html`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from markupsafe import Markup

from ..charts import Chart
from ..page import Page

_NOTHING = Markup()


@dataclass(frozen=True)
class View:
    """One part of the page, written out."""

    name: str
    """Its anchor: one word of letters and hyphens that no other part has."""
    title: str
    """Its heading."""
    html: Markup = _NOTHING
    """What stands under the heading, from a template (see `fill`); where it is empty, the page does not show this part,
    but its files are written."""
    nav: str = ""
    """Its name in the navigation; empty for none."""
    charts: Sequence[Chart] = ()
    """Every chart that `html` shows: each is drawn there and saved in `figures/`."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Name -> text of files beside the page, such as "curves.csv"; parts that share a file give the same text."""


class Part(Protocol):
    """A function that makes one part of the page."""

    def __call__(self, page: Page, /) -> View | None:
        """The part; None where the page has nothing of it."""
