"""Charts in Vega-Lite, and what tells their series apart. No kind of panel knows another, or who uses it."""

from .bars import BARS as BARS
from .bars import bar_panel as bar_panel
from .chart import Chart as Chart
from .chart import Key as Key
from .chart import Panel as Panel
from .chart import Point as Point
from .chart import for_file as for_file
from .chart import for_page as for_page
from .lines import LINES as LINES
from .lines import curve_panel as curve_panel
from .palette import SERIES as SERIES
from .palette import Spec as Spec
from .points import POINTS as POINTS
from .points import line_panel as line_panel
from .points import paper_note as paper_note

__all__ = [
    "BARS",
    "LINES",
    "POINTS",
    "SERIES",
    "Chart",
    "Key",
    "Panel",
    "Point",
    "Spec",
    "bar_panel",
    "curve_panel",
    "for_file",
    "for_page",
    "line_panel",
    "paper_note",
]
