"""A number under alarm is an upper bound wherever it stands."""

from dataclasses import replace
from pathlib import Path

from blackthorn.claims import HighRobustness, Selection
from blackthorn.report import Page
from blackthorn.report.accuracy_points import accuracy_point
from blackthorn.report.markdown import results_table
from blackthorn.report.views.differences import against_unpruned
from blackthorn.report.views.results import accuracy_lines, results_csv, view
from blackthorn.report.views.selected import selected_lines
from blackthorn.results import Published, estimate

from .demo import accuracy_cell, bare, chosen, with_cells


def test_a_number_under_alarm_is_marked_and_not_compared(tmp_path: Path) -> None:
    cells = [accuracy_cell(tmp_path, "dense", "natural", 0.9), accuracy_cell(tmp_path, "dense", "pgd", 0.5)]
    cells[1] = replace(cells[1], record=replace(cells[1].record, alarms=("zero gradients",)))
    page = replace(with_cells(bare(tmp_path), cells), published=Published("paper", {"dense": {"pgd": 30.0}}))
    natural, pgd = accuracy_lines(page)[0].places
    assert natural is not None and pgd is not None
    assert natural.alarm == "" and "≤" not in natural.value
    assert pgd.alarm == "zero gradients" and pgd.value == "≤ 50.00" and pgd.gap == "" and pgd.paper == "30"
    assert "not to be compared: zero gradients" in str(view(page).html)
    heading, first, second = results_csv(page).splitlines()
    assert heading.endswith(",published,alarm") and first.endswith(",") and second.endswith(",zero gradients")
    assert second.startswith("dense,pgd,50.00,0.00,")  # as far as an upper bound tells


def test_without_an_alarm_there_is_no_column(tmp_path: Path) -> None:
    page = with_cells(bare(tmp_path), [accuracy_cell(tmp_path, "dense", "pgd", 0.5)])
    assert "alarm" not in results_csv(page)


ATTACK = {"kind": "pgd", "eps": 0.1}
RATES = {"dense": 0.6, "weight 50%": 0.6, "weight 70%": 0.6, "weight 90%": 0.6}


def swept(folder: Path, *rung: str) -> Page:
    cells = [
        accuracy_cell(folder, row, "pgd", rate, attack=ATTACK, alarms=("random",) if row in rung else ())
        for row, rate in RATES.items()
    ]
    return with_cells(bare(folder), [*cells, *(accuracy_cell(folder, row, "natural", 0.9) for row in RATES)])


def test_differences_leave_a_number_under_alarm_out_and_say_so(tmp_path: Path) -> None:
    chart = against_unpruned(swept(tmp_path, "weight 90%"))
    assert chart is not None and "1 point under alarm is left out" in chart.caption
    drawn = {str(p["row"]) for p in chart.panels[0].points if p["series"] == "pgd"}
    assert drawn == {"dense", "weight 50%", "weight 70%"}
    chart = against_unpruned(swept(tmp_path, "dense"))
    assert chart is not None and "3 points under alarm are left out" in chart.caption
    assert not any(p["series"] == "pgd" for p in chart.panels[0].points)


def test_the_table_and_the_selection_show_no_difference_under_alarm(tmp_path: Path) -> None:
    page = swept(tmp_path, "weight 90%")
    moved = {line.name: [place.moved for place in line.places if place] for line in accuracy_lines(page)}
    assert moved["dense"] == ["", ""] and moved["weight 90%"].count("") == 1 and "" not in moved["weight 70%"]
    robust = Selection(rule=HighRobustness(), rows="weight *", than="dense", adversarial="pgd")
    (line,) = selected_lines(replace(page, selections=chosen({"robust": robust}, page.grid)))
    assert (line.outcome, line.sweep[-1].mark) == ("cannot be told yet", "not known")
    assert "under alarm" in line.note and "pgd" not in line.sweep[-1].changes


def test_figures_and_readmes_show_an_upper_bound(tmp_path: Path) -> None:
    page = swept(tmp_path, "weight 90%")
    found = estimate(page.accuracy["weight 90%", "pgd"])
    assert found is not None
    point = accuracy_point(page, "weight", "weight 90%", "pgd", 90, found)
    assert point["shown"] == "≤ 60.00 %" and point["low"] == 0
    line = {
        "row": "r",
        "metric": "m",
        "value": "60.00",
        "low": "0.00",
        "high": "61.00",
        "published": "",
        "alarm": "random",
    }
    assert "≤ 60.0 [0.0, 61.0]" in results_table([line])
