"""Charts in Vega-Lite, and what tells their series apart. No kind of panel knows another, or who uses it."""

from .axis import readable as readable
from .axis import round_ticks as round_ticks
from .bars import BARS as BARS
from .bars import bar_panel as bar_panel
from .chart import Chart as Chart
from .chart import Key as Key
from .chart import Panel as Panel
from .chart import Point as Point
from .chart import for_file as for_file
from .chart import for_page as for_page
from .heat import contour_panel as contour_panel
from .heat import filled as filled
from .heat import tile_panel as tile_panel
from .histogram import MOVED as MOVED
from .histogram import ZERO as ZERO
from .histogram import counted as counted
from .histogram import histogram_panel as histogram_panel
from .lines import LINES as LINES
from .lines import curve_panel as curve_panel
from .palette import SERIES as SERIES
from .palette import Spec as Spec
from .points import POINTS as POINTS
from .points import line_panel as line_panel
from .points import paper_note as paper_note
from .shades import SHADES as SHADES
from .shades import bands as bands
from .shades import levels as levels
from .shades import next_round as next_round
from .shades import shaded as shaded

__all__ = [
    "BARS",
    "LINES",
    "MOVED",
    "POINTS",
    "SERIES",
    "SHADES",
    "ZERO",
    "Chart",
    "Key",
    "Panel",
    "Point",
    "Spec",
    "bands",
    "bar_panel",
    "contour_panel",
    "counted",
    "curve_panel",
    "filled",
    "for_file",
    "for_page",
    "histogram_panel",
    "levels",
    "line_panel",
    "next_round",
    "paper_note",
    "readable",
    "round_ticks",
    "shaded",
    "tile_panel",
]
