"""Detectors in the report: their ROC curves, and a table of what slips through."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .charts import Chart
from .estimates import Estimate, estimate
from .panels import Panel, Point, curve_panel
from .records import Cell, Page, number, text
from .words import percent

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


def detected(page: Page) -> list[Detected]:
    """Every detector of the page, in the order it was measured."""
    places: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in page.detections:
        places.setdefault((cell.row, cell.metric, text(cell.record, "noise")), []).append(cell)
    return [_joined(*place, sorted(cells, key=lambda cell: cell.seed)) for place, cells in places.items()]


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
    return Chart(
        "detection", "Detecting attacks by the outputs", caption, series, panels, lines=True, table="detection.csv"
    )


def detection_lines(page: Page) -> list[DetectionLine]:
    """The table, network by network."""
    found, seen, lines = detected(page), set[str](), []
    for one in sorted(found, key=lambda one: page.all_rows.index(one.row)):
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


def _joined(row: str, metric: str, noise: str, cells: Sequence[Cell]) -> Detected:
    def mean(key: str) -> float | None:
        read = [held for cell in cells if (held := number(cell.record, key)) is not None]
        return sum(read) / len(read) if read else None

    keys = {"value": "undetected", "low": "undetected_low", "high": "undetected_high"}
    lost = [
        replace(cell, record=cell.record | {to: cell.record.get(key) for to, key in keys.items()}) for cell in cells
    ]
    auroc, undetected = estimate(cells), estimate(lost)
    assert auroc is not None and undetected is not None  # there is a cell
    first = cells[0].record
    curve = first.get("roc")
    return Detected(
        row,
        metric,
        noise,
        adaptive=first.get("adaptive") is True,
        outputs=text(first, "outputs"),
        auroc=auroc,
        auroc_fooled=mean("auroc_fooled"),
        tpr_1=mean("tpr_1") or 0.0,
        tpr_5=mean("tpr_5") or 0.0,
        accuracy=mean("accuracy") or 0.0,
        accuracy_attacked=mean("accuracy_attacked") or 0.0,
        undetected=undetected,
        roc=[(float(false), float(true)) for false, true in curve] if isinstance(curve, list) else [],
    )


def _drawn(line: str, roc: Sequence[tuple[float, float]]) -> list[Point]:
    """The part of a curve that a logarithmic axis shows; it begins at the height that it has reached there."""
    shown = [(100 * false, 100 * true) for false, true in roc]
    before = max((true for false, true in shown if false <= _LEAST), default=0.0)
    kept = [(_LEAST, before), *((false, true) for false, true in shown if false > _LEAST)]
    return [{"series": line, "x": round(x, 4), "value": round(y, 3), "shown": f"{y:.1f} %"} for x, y in kept]
