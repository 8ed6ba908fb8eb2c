"""Write a report: one HTML page that needs nothing else, CSV files for programs, and figures for papers."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from .. import __version__
from ..errors import StoreError
from ..files import write_whole
from .charts import for_page
from .charts.chart import for_file
from .charts.draw import ENDINGS, draw, vega
from .page import Page
from .template import HERE, fill
from .views import VIEWS, View

_PAGE = "index.html"
_HEAD = 20_000  # characters, in which the page names its files
_OWN = re.compile(
    r'<meta name="file" content="((?:figures/)?[\w-]+\.\w+)">'
    r'|<a href="((?:figures/)?[\w-]+\.(?:csv|png|svg))">'  # pages of version 0.1 name their files in links only
)


def write(folder: Path, page: Page) -> Path:
    """Write `index.html` into `folder`, the charts as `figures/*.png|svg|pdf`, and the files of all parts of the page,
    such as `results.csv`; files of an earlier report that are not made any more are removed.

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
    names = [*(f"figures/{chart.name}.{ending}" for chart in charts for ending in ENDINGS), *tables]
    drawn = _digest(page, views)
    if _stands(folder, drawn, names, tables):
        return folder / _PAGE
    html = render(page, views, names, drawn)  # before anything is written: a page that fails leaves the old one whole
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        for name in _left(folder) - set(names):
            (folder / name).unlink(missing_ok=True)
        for name, text in tables.items():  # first: drawing needs more memory than anything else here
            write_whole(folder / name, _encode(text))
        for chart in charts:
            for ending, content in draw(chart).items():
                write_whole(folder / "figures" / f"{chart.name}.{ending}", content)
        write_whole(folder / _PAGE, _encode(html))
    except OSError as error:
        raise StoreError(
            f"{folder}: the report cannot be written ({error.strerror or error}); free some space, or give another "
            "folder to blackthorn report with --out"
        ) from None
    return folder / _PAGE


def render(page: Page, views: Sequence[View], files: Sequence[str], drawn: str = "") -> str:
    """The page as text: style, charts, images and the Vega bundle all inside; `files` stand beside it, and `drawn` is
    the digest of what it was drawn from.
    """
    from markupsafe import Markup

    specs = {chart.name: [for_page(panel) for panel in chart.panels] for view in views for chart in view.charts}
    return fill(
        "page.html",
        page=page,
        tally=_tally(page),
        views=views,
        files=files,
        drawn=drawn,
        style=Markup((HERE / "page.css").read_text("utf-8")),
        script=Markup((HERE / "page.js").read_text("utf-8")),
        vega=Markup(vega() if specs else ""),
        specs=Markup(json.dumps(specs).replace("<", "\\u003c")),  # "</script>" in a row name would end the script
    )


def _tally(page: Page) -> list[tuple[str, int]]:
    """How many statements hold, do not, and are not known; without those that there are none of."""
    holds = [verdict.holds for verdict in page.verdicts]
    return [(name, n) for name, held in (("yes", True), ("no", False), ("unknown", None)) if (n := holds.count(held))]


def _digest(page: Page, views: Sequence[View]) -> str:
    """Stands for all that is drawn, except how long the command worked, and for what draws it."""
    facts = {fact: words for fact, words in page.provenance.items() if fact != "this run"}
    said = [page.title, page.about, page.recipe, page.preset, page.command, page.recipe_text, facts, _tally(page)]
    shown = [
        [view.name, view.title, view.nav, str(view.html), [for_file(chart) for chart in view.charts]]
        for view in views
        if view.name != "provenance"  # which says how long; all else in it is in `said`
    ]
    look = [(HERE / name).read_text("utf-8") for name in ("page.html", "page.css", "page.js")]
    made = [__version__, version("vl-convert-python"), said, shown, look]
    return hashlib.sha256(json.dumps(made, default=str).encode()).hexdigest()[:16]


def _stands(folder: Path, drawn: str, names: Sequence[str], tables: Mapping[str, str]) -> bool:
    """Whether the same page is there, with all its files."""
    page = folder / _PAGE
    if not page.is_file() or f'<meta name="drawn" content="{drawn}">' not in _head(page):
        return False
    same = all((folder / name).is_file() for name in names)
    return same and all((folder / name).read_bytes() == _encode(text) for name, text in tables.items())


def _head(page: Path) -> str:
    with page.open(encoding="utf-8", errors="replace") as file:
        return file.read(_HEAD)


def _left(folder: Path) -> set[str]:
    """The files that an earlier report in this folder says are its own."""
    page = folder / _PAGE
    if not page.is_file():
        return set()
    return {meta or link for meta, link in _OWN.findall(page.read_text("utf-8", errors="replace"))}


def _encode(words: str) -> bytes:
    return words.encode("utf-8", errors="backslashreplace")  # a lone surrogate in a name is shown, not fatal
