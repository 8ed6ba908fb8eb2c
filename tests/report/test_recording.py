"""A report in a repository: a later one takes the place of the one that is there."""

from pathlib import Path

import numpy as np

from blackthorn.report import record

from ..claims.grids import accuracy, grid

GRID = grid([accuracy("dense", np.ones(3, bool), "natural")])


def report(folder: Path, *figures: str) -> Path:
    (folder / "figures").mkdir(parents=True)
    for name in ("results.csv", "statements.csv"):
        (folder / name).write_text("row,metric\n", "utf-8")
    for figure in figures:
        (folder / "figures" / figure).write_bytes(b"drawn for " + folder.name.encode())
    return folder


def test_figures_of_the_last_record_go_with_it(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    record(report(tmp_path / "first", "cost.png", "roc.png"), GRID, kept)
    (kept / "figures" / "notes.txt").write_text("mine", "utf-8")
    record(report(tmp_path / "second", "cost.png", "bars.png"), GRID, kept)
    assert sorted(path.name for path in (kept / "figures").iterdir()) == ["bars.png", "cost.png", "notes.txt"]
    assert (kept / "figures/cost.png").read_bytes() == b"drawn for second"
