"""Write a report: one HTML page that needs nothing else, CSV files for programs, and figures for papers."""

import io
import json
import os
import tempfile
from functools import cache
from itertools import accumulate
from pathlib import Path

from ..errors import StoreError
from .attacks import source_notes
from .charts import Chart, for_file, for_page, marks
from .detection import detection_lines
from .figures import figures
from .images import galleries
from .records import Page
from .selections import selected_lines
from .summary import summaries
from .tables import costs_csv, curves_csv, detection_csv, results_csv, selected_csv, statements_csv
from .views import accuracy_lines, cost_lines, cost_titles, provenance, warnings

_HERE = Path(__file__).parent
_FIGURES = (
    "accuracy-curves",
    "accuracy-layers",
    "detection",
    "accuracy-eps",
    "accuracy-sparsity",
    "accuracy-difference",
    "cost",
)
_TALL = 14  # table lines that fit on a screen; above, the table scrolls under its heading


def write(folder: Path, page: Page) -> Path:
    """Write `index.html`, `results.csv`, `costs.csv`, `statements.csv` and `figures/*.png|svg` into `folder`, and
    `selected.csv`, `curves.csv` and `detection.csv` where networks were selected, and pruning curves and detectors
    measured.

    Each file is written beside its place and then moved there, so a reader never sees half of one. Nothing is
    measured, no network is loaded and nothing is fetched.

    Returns:
        The path of `index.html`.
    Raises:
        StoreError: the folder cannot be written, or example images cannot be read.
    """
    charts = figures(page)
    html = render(page, charts)  # before anything is written: a page that fails leaves the old one whole
    drawn = {chart.name: _draw(chart) for chart in charts}
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        for name in _FIGURES:
            for ending, content in zip(("png", "svg"), drawn.get(name, (None, None))):
                place = folder / "figures" / f"{name}.{ending}"
                if content is None:
                    place.unlink(missing_ok=True)
                else:
                    _put(place, content)
        _put(folder / "results.csv", _encode(results_csv(page)))
        _put(folder / "costs.csv", _encode(costs_csv(page)))
        _put(folder / "statements.csv", _encode(statements_csv(page)))
        for name, wanted, made in (
            ("selected.csv", page.selections, selected_csv),
            ("curves.csv", page.curves, curves_csv),
            ("detection.csv", page.detections, detection_csv),
        ):
            if wanted:
                _put(folder / name, _encode(made(page)))
            else:
                (folder / name).unlink(missing_ok=True)
        _put(folder / "index.html", _encode(html))
    except OSError as error:
        raise StoreError(f"{folder}: the report cannot be written ({error.strerror or error}).") from None
    return folder / "index.html"


def render(page: Page, charts: list[Chart]) -> str:
    """The page as text: style, charts, images and the Vega bundle all inside."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    first_panel = dict(zip([c.name for c in charts], accumulate((len(c.panels) for c in charts), initial=0)))
    specs = [for_page(panel) for chart in charts for panel in chart.panels]
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["tight"] = lambda words: words.replace(" %", "\u00a0%")  # a number keeps its sign beside it
    lines = accuracy_lines(page)
    return environment.get_template("page.html").render(
        page=page,
        style=Markup((_HERE / "page.css").read_text("utf-8")),
        script=Markup((_HERE / "page.js").read_text("utf-8")),
        vega=Markup(_vega() if specs else ""),
        specs=Markup(json.dumps(specs).replace("<", "\\u003c")),  # "</script>" in a row name would end the script
        charts=charts,
        first_panel=first_panel,
        marks={chart.name: [Markup(mark) for mark in marks(chart)] for chart in charts},
        summaries=summaries(page),
        lines=lines,
        sources=source_notes(page),
        measured=sum(place is not None for line in lines for place in line.places),
        tall=len(lines) > _TALL,
        detection_lines=detection_lines(page),
        selected=selected_lines(page),
        cost_titles=cost_titles(page),
        cost_lines=cost_lines(page),
        galleries=galleries(page),
        warnings=warnings(page),
        provenance=provenance(page),
        seeds=sorted({cell.seed for cell in page.cells}),
    )


@cache
def _vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, so that a page draws its charts wherever it is opened."""
    from vl_convert import javascript_bundle

    bundle: str = javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("</script", "<\\/script")


def _draw(chart: Chart) -> tuple[bytes, bytes]:
    from vl_convert import svg_to_png, vegalite_to_svg

    svg: str = vegalite_to_svg(for_file(chart))
    return _packed(svg_to_png(svg, scale=2)), _encode(svg)


def _packed(png: bytes) -> bytes:
    """The same pixels in a fourth of the bytes: resvg packs quickly, and keeps a channel for transparency."""
    from PIL import Image

    out = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").save(out, "PNG", dpi=image.info.get("dpi"))
    return out.getvalue()


def _encode(words: str) -> bytes:
    return words.encode("utf-8", errors="backslashreplace")  # a lone surrogate in a name is shown, not fatal


def _put(place: Path, content: bytes) -> None:
    handle, partial = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        Path(partial).chmod(0o644)  # mkstemp makes files only their owner can read; a report is to be shared
        os.replace(partial, place)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
