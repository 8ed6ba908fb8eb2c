"""The report as CSV files that other programs read: results, costs and statements."""

import csv
import io
from collections.abc import Iterable, Sequence

from .costs import Cost, costs, sparsity_costs
from .estimates import estimate
from .records import Page

RESULTS = ("row", "metric", "value", "low", "high", "seeds", "published")
COSTS = ("row", "metric", "form", "batch", "value", "low", "high", "unit", "seeds")
STATEMENTS = ("statement", "holds", "evidence")


def results_csv(page: Page) -> str:
    """Accuracies in percent with two decimals, one line for each (row, metric) measured or published.

    The same records give the same bytes: no time, no machine. A place published but not measured has an empty
    value; `seeds` lists the seeds used, such as `0 1 2`.
    """
    lines = []
    for row in page.all_rows:
        for metric in page.accuracy_metrics:
            ours, paper = estimate(page.accuracy.get((row, metric), [])), page.paper(row, metric)
            shown = ["", "", "", ""]
            if ours is not None:
                shown = [
                    *(f"{100 * part:.2f}" for part in (ours.value, ours.low, ours.high)),
                    _listed(ours.seeds),
                ]
            elif paper is None:
                continue
            lines.append([row, metric, *shown, "" if paper is None else f"{paper:.2f}"])
    return _csv(RESULTS, lines)


def costs_csv(page: Page) -> str:
    """Every cost and the three sparsities of every row, in the unit named on the line."""
    return _csv(COSTS, [_cost_line(cost) for cost in (*costs(page), *sparsity_costs(page))])


def statements_csv(page: Page) -> str:
    """Statements with yes, no or unknown, and the evidence."""
    return _csv(STATEMENTS, [[v.statement, _YES_NO[v.holds], v.evidence] for v in page.verdicts])


_YES_NO = {True: "yes", False: "no", None: "unknown"}


def _cost_line(cost: Cost) -> list[str]:
    numbers = [_plain(part, cost.unit) for part in (cost.value, cost.low, cost.high)]
    batch = "" if cost.batch is None else str(cost.batch)
    return [cost.row, cost.metric, cost.form, batch, *numbers, cost.unit, _listed(cost.seeds)]


def _plain(value: float, unit: str) -> str:
    if unit == "percent":
        return f"{value:.2f}"
    return str(int(value)) if value.is_integer() else f"{value:.4g}"


def _listed(seeds: Iterable[int]) -> str:
    return " ".join(str(seed) for seed in seeds)


def _csv(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return out.getvalue()
