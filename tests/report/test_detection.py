"""Detectors in the report: a figure, a table and a file, and nothing of them among the accuracies."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from blackthorn.report import Cell, Page, write
from blackthorn.report.detection import detected, detection_lines, roc_curves
from blackthorn.report.figures import figures
from blackthorn.report.tables import detection_csv, results_csv
from blackthorn.results.roc import auroc, roc

from .demo import accuracy_cell, bare

NOISES = ("3, 0.25", "8, 0.2", "5, 0.1")


def detection_cell(
    folder: Path,
    row: str,
    metric: str,
    shift: float,
    *,
    noise: str | None = None,
    adaptive: bool = False,
    seed: int = 0,
) -> Cell:
    """A detector whose scores are normal, those of attacked images by `shift` higher."""
    generator = np.random.default_rng(seed)
    clean, attacked = generator.normal(size=1000), generator.normal(shift, size=1000)
    found = auroc(clean, attacked)
    assert found is not None
    record: dict[str, object] = {
        "measure": "detection",
        "attack": {"kind": "evading" if adaptive else "pgd", "eps": 0.1},
        "noise": noise,
        "eps": 0.1,
        "adaptive": adaptive,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "n": 1000,
        "fooled": 600,
        "auroc_fooled": found.value,
        "tpr_1": 0.25,
        "tpr_5": 0.5,
        "accuracy": 0.98,
        "accuracy_attacked": 0.4,
        "undetected": 0.3,
        "undetected_low": 0.27,
        "undetected_high": 0.33,
        "roc": [list(point) for point in roc(clean, attacked)],
        "outputs": "softmax" if row == "twin" else "raw",
        "warnings": [],
        "seconds": 1.0,
    }
    return Cell(row, metric, seed, record, None, folder)


def page(folder: Path, seeds: int = 1) -> Page:
    """Two networks under three noises, an attack, and an attacker who knows of the detector."""
    cells = []
    for seed in range(seeds):
        for row in ("dense", "twin"):
            cells.append(accuracy_cell(folder, row, "natural", 0.98, seed=seed))
            cells += [
                detection_cell(folder, row, "noise", 1.0 + place, noise=noise, seed=seed)
                for place, noise in enumerate(NOISES)
            ]
            cells.append(detection_cell(folder, row, "pgd", 2.0, seed=seed))
            cells.append(detection_cell(folder, row, "evading", -1.0, adaptive=True, seed=seed))
    return replace(bare(folder), rows=["dense", "twin"], metrics=["natural"], cells=cells)


def test_a_panel_for_the_noises_and_one_for_the_attacks_of_each_network(tmp_path: Path) -> None:
    chart = roc_curves(page(tmp_path))
    assert chart is not None
    assert [panel.title for panel in chart.panels] == [
        f"{row} · {group}" for row in ("dense", "twin") for group in ("noise", "attacks")
    ]
    assert list(chart.series) == ["chance", *NOISES, "pgd", "evading"]
    assert "dense: raw, twin: softmax" in chart.caption
    for panel in chart.panels:
        assert {str(point["series"]) for point in panel.points} <= set(chart.series)
        for line in {point["series"] for point in panel.points}:
            drawn = [(float(p["x"] or 0), float(p["value"] or 0)) for p in panel.points if p["series"] == line]
            assert drawn == sorted(drawn) and drawn[0][0] == 0.1 and drawn[-1] == (100, 100)


def test_the_table_names_each_attacker_and_who_knows_of_the_detector(tmp_path: Path) -> None:
    lines = detection_lines(page(tmp_path))
    assert [line.attacker for line in lines[:5]] == [*(f"noise · {noise}" for noise in NOISES), "pgd", "evading"]
    assert [line.adaptive for line in lines[:5]] == [False] * 4 + [True]
    assert [line.first for line in lines] == [True, False, False, False, False] * 2
    assert (lines[0].outputs, lines[5].outputs) == ("raw outputs", "probabilities")
    assert (lines[0].flagged, lines[0].attacked, lines[0].undetected) == ("50.0 %", "40.0 %", "30.0 %")
    assert lines[0].undetected_interval == "27.0 – 33.0 %"


def test_several_seeds_are_one_line_with_a_wider_interval(tmp_path: Path) -> None:
    one, three = (next(iter(detected(page(tmp_path, seeds)))) for seeds in (1, 3))
    assert three.auroc.seeds == (0, 1, 2)
    assert three.undetected.value == one.undetected.value == 0.3
    chart = roc_curves(page(tmp_path, 3))
    assert chart is not None and "the first is drawn" in chart.caption


def test_detectors_are_in_a_file_of_their_own_and_not_among_the_accuracies(tmp_path: Path) -> None:
    made = page(tmp_path)
    lines = list(csv.DictReader(io.StringIO(detection_csv(made))))
    assert len(lines) == 10
    first, last = lines[0], lines[-1]
    assert (first["row"], first["metric"], first["noise"], first["adaptive"]) == ("dense", "noise", "3, 0.25", "")
    assert (last["row"], last["metric"], last["noise"], last["adaptive"]) == ("twin", "evading", "", "yes")
    assert float(last["auroc"]) < 0.5 and (last["undetected"], last["tpr_5"], last["n"]) == ("30.00", "50.00", "1000")
    assert made.accuracy_metrics == ["natural"]
    assert [line["metric"] for line in csv.DictReader(io.StringIO(results_csv(made)))] == ["natural", "natural"]


def test_the_page_shows_figure_and_table_and_a_page_without_detectors_has_neither(tmp_path: Path) -> None:
    html = write(tmp_path / "with", page(tmp_path)).read_text(encoding="utf-8")
    assert 'id="detection"' in html and 'href="detection.csv"' in html and "knows of the detector" in html
    assert len(re.findall("<tr", html.split('id="detection"')[1].split("</table>")[0])) == 11
    for name in ("detection.csv", "figures/detection.png", "figures/detection.svg"):
        assert (tmp_path / "with" / name).exists()
    write(tmp_path / "with", replace(page(tmp_path), cells=[accuracy_cell(tmp_path, "dense", "natural", 0.98)]))
    for name in ("detection.csv", "figures/detection.png"):
        assert not (tmp_path / "with" / name).exists()


def test_a_detector_without_a_number_is_left_out(tmp_path: Path) -> None:
    made = page(tmp_path)
    spoilt = replace(made, cells=[replace(cell, record=cell.record | {"value": None}) for cell in made.cells])
    assert detected(spoilt) == [] and all(chart.name != "detection" for chart in figures(spoilt))
