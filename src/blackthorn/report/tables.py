"""The report as CSV files that other programs read: results, curves, detectors, costs, statements, selections."""

import csv
import io
from collections.abc import Iterable, Sequence

from .costs import Cost, costs, sparsity_costs
from .curves import CurvePoint, curve_points
from .detection import Detected, detected
from .estimates import estimate
from .records import Page, Selected

RESULTS = ("row", "metric", "value", "low", "high", "seeds", "published")
COSTS = ("row", "metric", "form", "batch", "value", "low", "high", "unit", "seeds")
CURVES = (
    "row",
    "metric",
    "layer",
    "noise",
    "rate",
    "sparsity",
    "value",
    "low",
    "high",
    "targeted_success",
    "highest",
    "seeds",
)
DETECTION = (
    "row",
    "metric",
    "noise",
    "adaptive",
    "outputs",
    "auroc",
    "low",
    "high",
    "auroc_fooled",
    "tpr_1",
    "tpr_5",
    "accuracy",
    "accuracy_attacked",
    "undetected",
    "undetected_low",
    "undetected_high",
    "n",
    "seeds",
)
STATEMENTS = ("statement", "holds", "evidence")
SELECTED = ("selection", "outcome", "row", "rate", "published", "changes", "rule", "note")


def results_csv(page: Page) -> str:
    """Accuracies in percent with two decimals, one line for each (row, metric) measured or published.

    The same records give the same bytes: no time, no machine. A place published but not measured has an empty
    value; `seeds` lists the seeds used, such as `0 1 2`. Where a noise aims at a class, a last column has the share of
    images of other classes that are taken for it.
    """
    aims = any(page.targeted_success(*place) is not None for place in page.accuracy)
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
            success = page.targeted_success(row, metric)
            aimed = ["" if success is None else f"{100 * success:.2f}"] if aims else []
            lines.append([row, metric, *shown, "" if paper is None else f"{paper:.2f}", *aimed])
    return _csv((*RESULTS, "targeted_success") if aims else RESULTS, lines)


def costs_csv(page: Page) -> str:
    """Every cost and the three sparsities of every row, in the unit named on the line."""
    return _csv(COSTS, [_cost_line(cost) for cost in (*costs(page), *sparsity_costs(page))])


def curves_csv(page: Page) -> str:
    """Every rate of every pruning curve, all numbers in percent; `highest` is `yes` at the highest rate that keeps the
    natural accuracy which the measure names.
    """
    return _csv(CURVES, [_curve_line(point) for point in curve_points(page)])


def detection_csv(page: Page) -> str:
    """Every detector against every attacker: areas as fractions, the rest in percent; `adaptive` is `yes` for an
    attacker who knows of the detector, and `undetected` the share that is misclassified and not flagged where 5 % of
    untouched images are.
    """
    return _csv(DETECTION, [_detection_line(one) for one in detected(page)])


def statements_csv(page: Page) -> str:
    """Statements with yes, no or unknown, and the evidence."""
    return _csv(STATEMENTS, [[v.statement, _YES_NO[v.holds], v.evidence] for v in page.verdicts])


def selected_csv(page: Page) -> str:
    """What each rule picked: `picked`, `none` or `unknown`, rates in percent, changes in points of percentage.

    The sweep itself is in `results.csv`.
    """
    return _csv(SELECTED, [_selected_line(selected) for selected in page.selections])


def _curve_line(point: CurvePoint) -> list[str]:
    found = point.found
    shares = [f"{100 * part:.2f}" for part in (point.sparsity, found.value, found.low, found.high)]
    success = "" if point.success is None else f"{100 * point.success:.2f}"
    place = [point.row, point.metric, point.layer, point.noise, f"{100 * point.rate:.4g}"]
    return [*place, *shares, success, "yes" if point.highest else "", _listed(found.seeds)]


def _detection_line(one: Detected) -> list[str]:
    areas = ["" if area is None else f"{area:.4f}" for area in (one.auroc.value, one.auroc.low, one.auroc.high)]
    areas.append("" if one.auroc_fooled is None else f"{one.auroc_fooled:.4f}")
    lost = one.undetected
    shares = (one.tpr_1, one.tpr_5, one.accuracy, one.accuracy_attacked, lost.value, lost.low, lost.high)
    place = [one.row, one.metric, one.noise, "yes" if one.adaptive else "", one.outputs]
    return [*place, *areas, *(f"{100 * share:.2f}" for share in shares), str(one.auroc.n), _listed(one.auroc.seeds)]


def _selected_line(selected: Selected) -> list[str]:
    picked = selected.picked
    outcome = "unknown" if not selected.settled else "none" if picked is None else "picked"
    changes = {} if picked is None else picked.changes
    return [
        selected.name,
        outcome,
        "" if picked is None else picked.row,
        "" if picked is None else f"{100 * picked.rate:.4g}",
        "" if selected.published is None else f"{100 * selected.published:.4g}",
        "; ".join(f"{metric} {change:+.2f}" for metric, change in changes.items()),
        selected.rule,
        selected.note,
    ]


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
