"""Tables that spreadsheets open compute nothing that a stranger wrote."""

import pytest

from blackthorn.report.csv_text import csv_text


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1+cmd", "-1-1+x", "@SUM(A1)", "\t=1"])
def test_a_name_that_is_a_formula_is_text(name: str) -> None:
    assert csv_text(["row"], [[name]]).split("\n", 1)[1].strip('"').startswith("'")


@pytest.mark.parametrize("cell", ["-0.5", "+3", "1e-4", "weight 50%", "", "-inf"])
def test_numbers_and_plain_names_are_left_alone(cell: str) -> None:
    assert csv_text(["row", "x"], [[cell, "1"]]) == f"row,x\n{cell},1\n"
