"""A number under alarm is an upper bound wherever it stands."""

from dataclasses import replace
from pathlib import Path

from blackthorn.report.views.results import accuracy_lines, results_csv, view
from blackthorn.results import Published

from .demo import accuracy_cell, bare, with_cells


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


def test_without_an_alarm_there_is_no_column(tmp_path: Path) -> None:
    page = with_cells(bare(tmp_path), [accuracy_cell(tmp_path, "dense", "pgd", 0.5)])
    assert "alarm" not in results_csv(page)
