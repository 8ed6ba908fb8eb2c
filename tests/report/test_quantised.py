"""What the page says that quantisation did, from answers made by hand."""

from pathlib import Path

import numpy as np
import pytest

from blackthorn.report import Page
from blackthorn.report.model_card import Shipped, card
from blackthorn.report.quantised import quantised
from blackthorn.report.views.results import view
from blackthorn.results import AccuracyRecord, Cell, Grid, Row, compare, wilson

PGD, SQUARE = {"kind": "pgd", "eps": 0.1}, {"kind": "square", "eps": 0.1}
ROWS = [Row("net"), Row("small", file_of="net", format="int8"), Row("same", file_of="net", format="onnx")]


def cell(row: str, metric: str, right: "list[bool]", folder: Path, **more: object) -> Cell[AccuracyRecord]:
    low, high = wilson(sum(right), len(right))
    said = {"value": sum(right) / len(right), "n": len(right), "low": low, "high": high, **more}
    return Cell(row, metric, 0, AccuracyRecord(**said), np.array(right), folder)  # type: ignore[arg-type]


def page(folder: Path, alarms: tuple[str, ...] = ()) -> Page:
    """int8 loses 50 of 1,000 untouched images, none of those that were made on the network, and 1 of 20 to Square."""
    natural, made = {"right": [True] * 900 + [False] * 100}, {"attack": PGD, "eps": 0.1, "source": "network"}
    square = {"attack": SQUARE, "eps": 0.1}
    cells = [
        cell("net", "natural", natural["right"], folder),
        cell("small", "natural", [False] * 50 + [True] * 850 + [False] * 100, folder),
        cell("net", "transferred", [True] * 500 + [False] * 500, folder, **made),
        cell("small", "transferred", [True] * 500 + [False] * 500, folder, **made),
        cell("net", "square", [True] * 12 + [False] * 8, folder, **square),
        cell("small", "square", [True] * 11 + [False] * 9, folder, alarms=alarms, **square),
    ]
    grid = Grid(ROWS, dict.fromkeys(("natural", "transferred", "square"), "accuracy"), [0], cells)
    return Page("T", "", "r", "full", grid, [], None, [], [], "blackthorn run r", "", {})


def test_it_says_what_fell_what_stayed_and_what_cannot_be_told(tmp_path: Path) -> None:
    (said,) = quantised(page(tmp_path))
    before, after = np.array([True] * 900 + [False] * 100), np.array([False] * 50 + [True] * 850 + [False] * 100)
    lost = compare(after, before)
    ends = f"95 %: −{abs(100 * lost.low):.1f} to −{abs(100 * lost.high):.1f}"
    assert lost.value == pytest.approx(-0.05) and lost.high < 0
    assert said.startswith(f"When net was quantised to int8, natural accuracy fell by 5.0 points ({ends}); ")
    assert "; accuracy on images made on the network before (transferred) stayed where it was (±0.0 points; " in said
    assert "; what that did to accuracy under attack (square) cannot be told from 20 images (−5.0 points; " in said
    assert said.endswith(
        "Its robust accuracy is at most 50.0 % (46.9 to 53.1 %): no attack can follow gradients through the file."
    )


def test_it_stands_on_the_page_and_on_the_card(tmp_path: Path) -> None:
    made = page(tmp_path)
    (said,) = quantised(made)
    assert said.split(" (")[0] in str(view(made).html)
    for row in ("net", "small"):
        assert said in card(made, Shipped(row, "digits", False, {}, []))
    assert "quantised" not in card(made, Shipped("same", "digits", False, {}, []))


def test_a_number_under_alarm_is_not_compared(tmp_path: Path) -> None:
    (said,) = quantised(page(tmp_path, alarms=("zero gradients",)))
    assert "square" not in said


def test_without_an_attack_it_says_that_none_was_tried(tmp_path: Path) -> None:
    made = page(tmp_path)
    cells = [cell for cell in made.grid.cells if cell.metric == "natural"]
    one = Page("T", "", "r", "full", Grid(ROWS, {"natural": "accuracy"}, [0], cells), [], None, [], [], "c", "", {})
    (said,) = quantised(one)
    assert said.endswith("How hard to fool the file is was not measured.")
