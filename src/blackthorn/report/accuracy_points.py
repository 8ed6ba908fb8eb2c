"""The points of charts of accuracy: one network under one metric, with its interval, its tooltip and the paper."""

from ..results import Estimate
from .charts import Point
from .page import Page
from .words import percent

TIPS = {
    "row": "network",
    "where": "measure",
    "shown": "accuracy",
    "interval": "95 % interval",
    "seeds": "seeds",
}
"""The texts of a point's tooltip: field -> heading."""


def accuracy_point(page: Page, series: str, row: str, metric: str, x: float, found: Estimate) -> Point:
    """The point at `x`; accuracy in percent. Under alarm it is an upper bound, and its interval begins at 0."""
    paper = page.paper(row, metric)
    bound = "≤ " if page.rings(metric, row) else ""
    shown = f"{bound}{percent(found.value, 2)} %" + ("" if paper is None else f" (paper {paper:g} %)")
    return {
        "series": series,
        "row": row,
        "where": metric,
        "x": x,
        "value": 100 * found.value,
        "low": 100 * found.low,
        "high": 100 * found.high,
        "paper": paper,
        "shown": shown,
        "interval": f"{percent(found.low, 2)} to {percent(found.high, 2)} %",
        "seeds": " ".join(map(str, found.seeds)),
    }
