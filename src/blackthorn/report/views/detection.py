"""Detectors of attacks: their ROC curves, a table of what slips through, and `detection.csv`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...results import Cell, DetectionRecord, Estimate, estimate
from ..charts import LINES, Chart, Panel, Point, curve_panel
from ..csv_text import csv_text, in_percent, listed
from ..page import Page
from ..template import fill
from ..words import percent
from .view import View

_HEADER = (
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
CHANCE = "chance"
"""The line of a detector that tosses coins."""

_LEAST = 0.1  # percent of false alarms at which the curves begin


@dataclass(frozen=True)
class Detected:
    """One detector against one attacker, joined over seeds."""

    row: str
    metric: str
    noise: str
    """Class and limit of a universal noise, such as "3, 0.25"; empty for an attack."""
    adaptive: bool
    """Whether the attacker knows of the detector."""
    outputs: str
    """ "raw" or "softmax"."""
    auroc: Estimate
    auroc_fooled: float | None
    """Of the attacked images that are misclassified; None where there is none."""
    tpr_1: float
    tpr_5: float
    accuracy: float
    accuracy_attacked: float
    undetected: Estimate
    """Share of attacked images that is misclassified and not flagged, at 5 % false alarms."""
    roc: Sequence[tuple[float, float]]
    """Of the first seed."""

    @property
    def attacker(self) -> str:
        """As the table names it: the measure, and the noise where it has several."""
        return f"{self.metric} · {self.noise}" if self.noise else self.metric


@dataclass(frozen=True)
class DetectionLine:
    """A row of the table of detectors, written out."""

    name: str
    outputs: str
    attacker: str
    adaptive: bool
    first: bool
    """Whether this is the first line of its network."""
    auroc: str
    interval: str
    flagged: str
    attacked: str
    undetected: str
    undetected_interval: str


def view(page: Page) -> View | None:
    """None where no detector is measured."""
    chart = roc_curves(page)
    if chart is None:
        return None
    html = fill("views/detection.html", chart=chart, lines=detection_lines(page))
    files = {"detection.csv": detection_csv(page)}
    return View(name=chart.name, nav="Detection", title=chart.title, html=html, charts=[chart], files=files)


def detection_csv(page: Page) -> str:
    """Every detector against every attacker: areas as fractions, the rest in percent; `adaptive` is `yes` for an
    attacker who knows of the detector, and `undetected` the share that is misclassified and not flagged where 5 % of
    untouched images are.
    """
    return csv_text(_HEADER, [_csv_line(one) for one in detected(page)])


def detected(page: Page) -> list[Detected]:
    """Every detector of the page, in the order it was measured."""
    places: dict[tuple[str, str, str], list[Cell[DetectionRecord]]] = {}
    for (row, metric), measured in page.grid.of(DetectionRecord).items():
        for cell in measured:
            places.setdefault((row, metric, cell.record.noise or ""), []).append(cell)
    return [_joined(*place, cells) for place, cells in places.items()]


def roc_curves(page: Page) -> Chart | None:
    """Two panels or more for each network: one for each measure with several noises, one for all other attackers."""
    found = detected(page)
    if not found:
        return None
    several = {one.metric for one in found if sum((o.row, o.metric) == (one.row, one.metric) for o in found) > 1}
    groups: dict[tuple[str, str], list[tuple[str, Detected]]] = {}
    for one in found:
        name, line = (one.metric, one.noise) if one.metric in several else ("attacks", one.metric)
        groups.setdefault((one.row, name), []).append((line, one))
    series = [CHANCE, *dict.fromkeys(line for group in groups.values() for line, _ in group)]
    chance = [10 ** (step / 12 - 3) for step in range(37)]
    panels = []
    for (row, name), group in groups.items():
        drawn = [point for line, one in group for point in _drawn(line, one.roc)]
        drawn += _drawn(CHANCE, list(zip(chance, chance)))
        spec = curve_panel(
            drawn,
            series,
            x_title="untouched images flagged (%)",
            x_scale={"type": "log", "domain": [_LEAST, 100]},
            x_axis={"values": [0.1, 1, 10, 100]},
            y_title="attacked images flagged (%)",
            tips={"series": "attacker", "x": "untouched flagged (%)", "shown": "attacked flagged"},
        )
        spoken = f"ROC curves of {row} under {name}: {len(group)} lines, and that of chance."
        panels.append(Panel(f"{row} · {name}", spoken, drawn, spec))
    said = ", ".join(f"{row}: {one.outputs}" for row, one in {one.row: one for one in found}.items())
    caption = (
        "How many attacked images a detector flags where it flags a given share of untouched ones; the dark line is "
        f"chance, and a line below it an attacker whose images look more genuine than genuine ones. It reads, {said}."
    )
    if any(len(one.auroc.seeds) > 1 for one in found):
        caption += " Of several seeds the first is drawn."
    return Chart("detection", "Detecting attacks by the outputs", caption, series, panels, LINES, table="detection.csv")


def detection_lines(page: Page) -> list[DetectionLine]:
    """The table, network by network."""
    found, seen, lines = detected(page), set[str](), []
    for one in sorted(found, key=lambda one: page.rows.index(one.row)):
        auroc, lost = one.auroc, one.undetected
        lines.append(
            DetectionLine(
                name=one.row,
                outputs={"raw": "raw outputs", "softmax": "probabilities"}.get(one.outputs, one.outputs),
                attacker=one.attacker,
                adaptive=one.adaptive,
                first=one.row not in seen,
                auroc=f"{auroc.value:.3f}",
                interval=f"{auroc.low:.3f} – {auroc.high:.3f}",
                flagged=f"{percent(one.tpr_5)} %",
                attacked=f"{percent(one.accuracy_attacked)} %",
                undetected=f"{percent(lost.value)} %",
                undetected_interval=f"{percent(lost.low)} – {percent(lost.high)} %",
            )
        )
        seen.add(one.row)
    return lines


def _joined(row: str, metric: str, noise: str, cells: Sequence[Cell[DetectionRecord]]) -> Detected:
    records = [cell.record for cell in cells]
    auroc, undetected = estimate(cells), estimate(cells, lambda record: record.reading_undetected)
    assert auroc is not None and undetected is not None  # there is a cell
    fooled = [record.auroc_fooled for record in records if record.auroc_fooled is not None]
    return Detected(
        row,
        metric,
        noise,
        adaptive=records[0].adaptive,
        outputs=records[0].outputs,
        auroc=auroc,
        auroc_fooled=_mean(fooled) if fooled else None,
        tpr_1=_mean(record.tpr_1 for record in records),
        tpr_5=_mean(record.tpr_5 for record in records),
        accuracy=_mean(record.accuracy for record in records),
        accuracy_attacked=_mean(record.accuracy_attacked for record in records),
        undetected=undetected,
        roc=records[0].roc,
    )


def _mean(values: Iterable[float]) -> float:
    read = list(values)
    return sum(read) / len(read)


def _drawn(line: str, roc: Sequence[tuple[float, float]]) -> list[Point]:
    """The part of a curve that a logarithmic axis shows; it begins at the height that it has reached there."""
    shown = [(100 * false, 100 * true) for false, true in roc]
    before = max((true for false, true in shown if false <= _LEAST), default=0.0)
    kept = [(_LEAST, before), *((false, true) for false, true in shown if false > _LEAST)]
    return [{"series": line, "x": round(x, 4), "value": round(y, 3), "shown": f"{y:.1f} %"} for x, y in kept]


def _csv_line(one: Detected) -> list[str]:
    areas = [f"{area:.4f}" for area in (one.auroc.value, one.auroc.low, one.auroc.high)]
    areas.append("" if one.auroc_fooled is None else f"{one.auroc_fooled:.4f}")
    lost = one.undetected
    shares = (one.tpr_1, one.tpr_5, one.accuracy, one.accuracy_attacked, lost.value, lost.low, lost.high)
    place = [one.row, one.metric, one.noise, "yes" if one.adaptive else "", one.outputs]
    return [*place, *areas, *map(in_percent, shares), str(one.auroc.n), listed(one.auroc.seeds)]
