"""Figures of networks and ways to prune beside each other, on hand-made cells."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from blackthorn.report import Page
from blackthorn.report.views.bars import side_by_side
from blackthorn.report.views.rates import against_rates, view
from blackthorn.results import Published, Row

from .demo import accuracy_cell, bare, table1, with_cells

PGD = {"kind": "pgd", "norm": "l2", "eps": 0.25, "steps": 20}


def page(folder: Path, rows: Sequence[Row]) -> Page:
    """Natural accuracy of 90 % less a tenth of the rate, and half of that under attack."""
    cells = [
        accuracy_cell(folder, row.name, metric, share * (0.9 - row.requested / 10), attack=attack)
        for row in rows
        for metric, share, attack in (("natural", 1.0, None), ("pgd l2 0.25", 0.5, PGD))
    ]
    return with_cells(bare(folder), cells, rows=rows)


def sweep(family: str, rates: Sequence[int], images: str = "") -> list[Row]:
    return [Row(f"{family} {rate}%", "standard", rate / 100, family, images) for rate in rates]


PLAIN = Row("standard", family="standard")
TUNED = Row("robust tuned", family="robust tuned", images="robust images")
ROBUST = [*sweep("rfp", (20, 40, 60), "robust images"), *sweep("norm", (20, 40, 60), "robust images")]
ORIGINAL = [*sweep("original rfp", (20, 40, 60)), *sweep("original norm", (20, 40, 60))]


def test_ways_to_prune_share_panels_and_each_set_of_images_has_a_chart(tmp_path: Path) -> None:
    first, second = against_rates(page(tmp_path, [PLAIN, TUNED, *ROBUST, *ORIGINAL]))
    assert [panel.title for panel in first.panels] == ["natural", "pgd l2 0.25"]
    assert list(first.series) == ["robust tuned", "rfp", "norm"]
    assert list(second.series) == ["standard", "original rfp", "original norm"]
    assert (first.name, second.name) == ("accuracy-rates", "accuracy-rates-2")
    assert "robust images" in first.title and "the training images" in second.title


def test_points_are_accuracies_at_the_requested_rates_and_unpruned_networks_stand_at_zero(tmp_path: Path) -> None:
    chart = against_rates(page(tmp_path, [PLAIN, TUNED, *ROBUST]))[0]
    drawn = [(p["series"], p["x"], pytest.approx(p["value"], abs=0.01)) for p in chart.panels[1].points]
    assert drawn == [
        ("robust tuned", 0, 45),
        *((family, rate, 45 - rate / 20) for family in ("rfp", "norm") for rate in (20, 40, 60)),
    ]


@pytest.mark.parametrize("rows", [sweep("rfp", (20, 40, 60)), [*sweep("rfp", (20, 40)), *sweep("norm", (20, 40))], []])
def test_one_way_alone_or_two_rates_are_no_comparison(tmp_path: Path, rows: list[Row]) -> None:
    assert view(page(tmp_path, [PLAIN, *rows])) is None


def test_more_ways_than_colours_are_left_to_the_table(tmp_path: Path) -> None:
    rows = [row for family in "abcdefghi" for row in sweep(family, (20, 40, 60))]
    chart = against_rates(page(tmp_path, [PLAIN, *rows]))[0]
    assert list(chart.series) == list("abcdefg") and "7 ways are drawn; the table has them all." in chart.caption


def test_the_paper_s_numbers_are_drawn(tmp_path: Path) -> None:
    printed = Published("paper", {"rfp 20%": {"natural": 85.57}})
    chart = against_rates(replace(page(tmp_path, [PLAIN, TUNED, *ROBUST]), published=printed))[0]
    assert [p["paper"] for p in chart.panels[0].points if p["paper"]] == [85.57]
    assert "ticks are the paper's numbers" in chart.caption


def test_a_few_networks_are_bars_with_the_paper_s_numbers_beside_them(tmp_path: Path) -> None:
    rows = [PLAIN, *sweep("rfp", (60,)), *sweep("bottom", (60,))]
    printed = Published("paper", {"rfp 60%": {"pgd l2 0.25": 45.6}})
    chart = side_by_side(replace(page(tmp_path, rows), published=printed))
    assert chart is not None and [panel.title for panel in chart.panels] == ["natural", "pgd l2 0.25"]
    labels = {point["row"]: point["label"] for point in chart.panels[1].points}
    assert labels == {"standard": "45.0 %", "rfp 60%": "42.0 % (45.6)", "bottom 60%": "42.0 %"}


def test_bars_are_for_a_few_networks_that_are_attacked_and_are_no_sweep(tmp_path: Path) -> None:
    assert side_by_side(table1(tmp_path)) is not None
    assert side_by_side(page(tmp_path, [PLAIN])) is None
    assert side_by_side(page(tmp_path, [PLAIN, *sweep("rfp", (20, 40, 60))])) is None
    assert side_by_side(page(tmp_path, [Row(name) for name in "abcdefgh"])) is None
    untouched = [accuracy_cell(tmp_path, row, "natural", 0.9) for row in ("a", "b")]
    assert side_by_side(with_cells(bare(tmp_path), untouched)) is None
