"""Detectors in the report: a figure, a table and a file, and nothing of them among the accuracies."""

import csv
import io
import re
from pathlib import Path

import numpy as np

from blackthorn.report import Page, write
from blackthorn.report.views.detection import detected, detection_csv, detection_lines, roc_curves, view
from blackthorn.report.views.results import results_csv
from blackthorn.results import Cell, DetectionRecord, Record
from blackthorn.results.roc import auroc, roc

from .demo import accuracy_cell, bare, with_cells

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
) -> Cell[DetectionRecord]:
    """A detector whose scores are normal, those of attacked images by `shift` higher."""
    generator = np.random.default_rng(seed)
    clean, attacked = generator.normal(size=1000), generator.normal(shift, size=1000)
    found = auroc(clean, attacked)
    assert found is not None
    record = DetectionRecord(
        attack={"kind": "evading" if adaptive else "pgd", "eps": 0.1},
        noise=noise,
        eps=0.1,
        adaptive=adaptive,
        outputs="softmax" if row == "twin" else "raw",
        value=found.value,
        low=found.low,
        high=found.high,
        n=1000,
        fooled=600,
        auroc_fooled=found.value,
        tpr_1=0.25,
        tpr_5=0.5,
        threshold_5=1.6,
        accuracy=0.98,
        accuracy_attacked=0.4,
        undetected=0.3,
        undetected_low=0.2724,
        undetected_high=0.3291,
        roc=tuple(roc(clean, attacked)),
        seconds=1.0,
    )
    return Cell(row, metric, seed, record, None, folder)


def page(folder: Path, seeds: int = 1) -> Page:
    """Two networks under three noises, an attack, and an attacker who knows of the detector."""
    cells: list[Cell[Record]] = []
    for seed in range(seeds):
        for row in ("dense", "twin"):
            cells.append(accuracy_cell(folder, row, "natural", 0.98, seed=seed))
            cells += [
                detection_cell(folder, row, "noise", 1.0 + place, noise=noise, seed=seed)
                for place, noise in enumerate(NOISES)
            ]
            cells.append(detection_cell(folder, row, "pgd", 2.0, seed=seed))
            cells.append(detection_cell(folder, row, "evading", -1.0, adaptive=True, seed=seed))
    return with_cells(bare(folder), cells, seeds=range(seeds))


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
    assert lines[0].undetected_interval == "27.2 – 32.9 %"


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
    write(tmp_path / "with", bare(tmp_path))
    for name in ("detection.csv", "figures/detection.png"):
        assert not (tmp_path / "with" / name).exists()


def test_a_page_without_a_detector_has_no_such_part(tmp_path: Path) -> None:
    assert detected(bare(tmp_path)) == [] and view(bare(tmp_path)) is None
