"""A number with both sides: what is proved stands beside what is not broken, in the table, the file and the figure."""

from pathlib import Path

from blackthorn.report import Page, write
from blackthorn.report.views.eps import against_eps
from blackthorn.report.views.results import results_csv
from blackthorn.results import Cell, CertifiedRecord

from .demo import accuracy_cell, bare, with_cells


def both_sides(folder: Path) -> Page:
    proofs = [
        Cell("dense", f"{method} 0.1", 0, certified(share, method), None, folder)
        for method, share in (("interval", 0.3), ("crown", 0.4))
    ]
    attack = {"kind": "pgd", "eps": 0.1}
    cells = [
        accuracy_cell(folder, "dense", "natural", 0.9),
        accuracy_cell(folder, "dense", "pgd 0.1", 0.5, attack=attack, norm="linf"),
    ]
    return with_cells(bare(folder), [*cells, *proofs])


def certified(share: float, method: str, norm: str = "linf") -> CertifiedRecord:
    spread = {"low": share - 0.01, "high": share + 0.01, "n": 100}
    return CertifiedRecord(value=share, eps=0.1, norm=norm, method=method, proved_by={method: 1}, seed=0, **spread)


def test_the_results_say_on_which_side_of_robust_accuracy_a_number_lies(tmp_path: Path) -> None:
    lines = [line.split(",") for line in results_csv(both_sides(tmp_path)).splitlines()]
    assert [(line[1], line[2], line[-1]) for line in lines] == [
        ("metric", "value", "bounds"),
        ("natural", "90.00", ""),
        ("pgd 0.1", "50.00", "at most"),
        ("interval 0.1", "30.00", "at least"),
        ("crown 0.1", "40.00", "at least"),
    ]


def test_the_figure_has_the_best_proof_as_a_lower_line(tmp_path: Path) -> None:
    chart = against_eps(both_sides(tmp_path))
    assert chart is not None and "Dashed" in chart.caption
    dashed = [layer for layer in chart.panels[0].spec["layer"] if "strokeDash" in layer["mark"]]
    assert [point["value"] for point in dashed[0]["data"]["values"]] == [90, 40]


def test_the_page_shows_the_proved_share_and_can_be_drawn(tmp_path: Path) -> None:
    page = write(tmp_path / "report", both_sides(tmp_path)).read_text()
    assert ">proved</small>" in page and "<b>40.0</b>" in page
    assert (tmp_path / "report/figures/accuracy-eps.svg").is_file()


def test_a_proof_in_another_norm_is_not_drawn_beside_the_attack(tmp_path: Path) -> None:
    page = both_sides(tmp_path)
    other = Cell("dense", "crown l2", 0, certified(0.4, "crown", "l2"), None, tmp_path)
    kept = [cell for cell in page.grid.cells if not isinstance(cell.record, CertifiedRecord)]
    chart = against_eps(with_cells(page, [*kept, other]))
    assert chart is not None and "Dashed" not in chart.caption
