"""Write a report: one HTML page that needs nothing else, CSV files for programs, and figures for papers."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from ..errors import StoreError
from ..files import write_whole
from .charts import for_page
from .charts.draw import draw, vega
from .page import Page
from .template import HERE, fill
from .views import VIEWS, View

_PAGE = "index.html"
_OWN = re.compile(
    r'<meta name="file" content="((?:figures/)?[\w-]+\.\w+)">'
    r'|<a href="((?:figures/)?[\w-]+\.(?:csv|png|svg))">'  # pages of version 0.1 name their files in links only
)


def write(folder: Path, page: Page) -> Path:
    """Write `index.html` into `folder`, the charts as `figures/*.png|svg`, and the files of all parts of the page, such
    as `results.csv`; files of an earlier report that are not made any more are removed.

    Each file is written beside its place and then moved there, so a reader never sees half of one. Nothing is
    measured, no network is loaded and nothing is fetched.

    Returns:
        The path of `index.html`.
    Raises:
        StoreError: the folder cannot be written, or example images cannot be read.
    """
    views = [view for part in VIEWS if (view := part(page)) is not None]
    tables = {name: text for view in views for name, text in view.files.items()}
    charts = [chart for view in views for chart in view.charts]
    names = [*(f"figures/{chart.name}.{ending}" for chart in charts for ending in ("png", "svg")), *tables]
    html = render(page, views, names)  # before anything is written: a page that fails leaves the old one whole
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        for name in _left(folder) - set(names):
            (folder / name).unlink(missing_ok=True)
        for name, text in tables.items():  # first: drawing needs more memory than anything else here
            write_whole(folder / name, _encode(text))
        for chart in charts:
            png, svg = draw(chart)
            write_whole(folder / "figures" / f"{chart.name}.png", png)
            write_whole(folder / "figures" / f"{chart.name}.svg", _encode(svg))
        write_whole(folder / _PAGE, _encode(html))
    except OSError as error:
        raise StoreError(
            f"{folder}: the report cannot be written ({error.strerror or error}); free some space, or give another "
            "folder to blackthorn report with --out"
        ) from None
    return folder / _PAGE


def render(page: Page, views: Sequence[View], files: Sequence[str]) -> str:
    """The page as text: style, charts, images and the Vega bundle all inside; `files` stand beside it."""
    from markupsafe import Markup

    specs = {chart.name: [for_page(panel) for panel in chart.panels] for view in views for chart in view.charts}
    return fill(
        "page.html",
        page=page,
        tally=_tally(page),
        views=views,
        files=files,
        style=Markup((HERE / "page.css").read_text("utf-8")),
        script=Markup((HERE / "page.js").read_text("utf-8")),
        vega=Markup(vega() if specs else ""),
        specs=Markup(json.dumps(specs).replace("<", "\\u003c")),  # "</script>" in a row name would end the script
    )


def _tally(page: Page) -> list[tuple[str, int]]:
    """How many statements hold, do not, and are not known; without those that there are none of."""
    holds = [verdict.holds for verdict in page.verdicts]
    return [(name, n) for name, held in (("yes", True), ("no", False), ("unknown", None)) if (n := holds.count(held))]


def _left(folder: Path) -> set[str]:
    """The files that an earlier report in this folder says are its own."""
    page = folder / _PAGE
    if not page.is_file():
        return set()
    return {meta or link for meta, link in _OWN.findall(page.read_text("utf-8", errors="replace"))}


def _encode(words: str) -> bytes:
    return words.encode("utf-8", errors="backslashreplace")  # a lone surrogate in a name is shown, not fatal
