"""Numbers in units of their own: on the page, and in the files beside it."""

from dataclasses import replace
from pathlib import Path

import pytest

from blackthorn.report import Page, write
from blackthorn.report.markdown import results_table
from blackthorn.report.views.results import results_csv
from blackthorn.report.words import percent
from blackthorn.results import Cell, CountedRecord, Published, VulnerabilityRecord

from .demo import accuracy_cell, bare, with_cells


def measured(folder: Path) -> Page:
    moved = VulnerabilityRecord(
        value=0.1234,
        n=100,
        low=0.12,
        high=0.1268,
        taps=("relu1", "relu2"),
        layers=(0.1, 0.1468),
        units=((0.0, 0.2), (0.1468,)),
        attack={"kind": "pgd", "eps": 0.3},
        eps=0.3,
        norm="linf",
    )
    counted = CountedRecord(what="memory", counting="official", value=200.0, whole=10, left=20)
    cells = [
        accuracy_cell(folder, "dense", "natural", 0.9),
        Cell("dense", "vulnerability", 0, moved, None, folder),
        Cell("dense", "memory", 0, counted, None, folder),
    ]
    page = with_cells(bare(folder), cells)
    return replace(page, published=Published("nobody 2020", {"dense": {"vulnerability": 0.129, "memory": 200.0}}))


def test_they_stand_on_the_page_beside_the_papers(tmp_path: Path) -> None:
    page = write(tmp_path / "report", measured(tmp_path)).read_text()
    assert "<b>0.123</b>" in page and "0.120 – 0.127" in page and "paper 0.129" in page
    assert "<b>200.00</b>" in page and "paper 200" in page


def test_they_stand_in_the_file_of_results_and_by_layer_in_one_of_their_own(tmp_path: Path) -> None:
    lines = results_csv(measured(tmp_path)).splitlines()
    assert lines[-2:] == ["dense,vulnerability,0.1234,0.12,0.1268,0,0.129", "dense,memory,200,200,200,0,200"]
    write(tmp_path / "report", measured(tmp_path))
    assert (tmp_path / "report/vulnerability.csv").read_text().splitlines()[1:] == [
        "dense,vulnerability,0,relu1,2,0.1,1",
        "dense,vulnerability,0,relu2,1,0.1468,0",
    ]


def test_a_page_without_them_has_no_such_part(tmp_path: Path) -> None:
    page = with_cells(bare(tmp_path), [accuracy_cell(tmp_path, "dense", "natural", 0.9)])
    assert "Vulnerability" not in write(tmp_path / "report", page).read_text()


@pytest.mark.parametrize("images", [200, 1000, 2000, 10_000])
def test_a_share_is_rounded_alike_on_the_page_and_in_a_table_made_from_its_csv(images: int) -> None:
    for right in range(images // 2, images + 1):
        share = f"{100 * right / images:.2f}"
        line = {"row": "dense", "metric": "natural", "value": share, "low": share, "high": share, "published": ""}
        assert f"| {percent(right / images)} [" in results_table([line])
