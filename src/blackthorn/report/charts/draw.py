"""Charts as files for papers, and the script that draws them on a page."""

import io
import json
from functools import cache, lru_cache

from .chart import Chart, for_file

ENDINGS = ("png", "svg", "pdf")


def draw(chart: Chart) -> dict[str, bytes]:
    """A chart as a file of each ending: PNG and SVG for pages, PDF for papers."""
    return dict(_drawn(json.dumps(for_file(chart))))


@lru_cache(maxsize=64)  # a page that is written to several places, or again, is drawn once
def _drawn(spec: str) -> dict[str, bytes]:
    from vl_convert import svg_to_pdf, svg_to_png, vegalite_to_svg

    svg: str = vegalite_to_svg(spec)
    text = svg.encode("utf-8", errors="backslashreplace")  # a lone surrogate in a name is shown, not fatal
    return {"png": _packed(svg_to_png(svg, scale=2)), "svg": text, "pdf": svg_to_pdf(text.decode())}


@cache
def vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, so that a page draws its charts wherever it is opened."""
    from vl_convert import javascript_bundle

    bundle: str = javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return bundle.replace("</script", "<\\/script")


def _packed(png: bytes) -> bytes:
    """The same pixels in a fourth of the bytes: resvg packs quickly, and keeps a channel for transparency."""
    from PIL import Image

    out = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").save(out, "PNG", dpi=image.info.get("dpi"))
    return out.getvalue()
