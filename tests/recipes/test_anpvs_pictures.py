"""The recipe of pictures, run at its smallest: every picture is on the page and beside it."""

from pathlib import Path

import blackthorn as bt
from blackthorn.results import LossSurfaceRecord, VulnerabilityMapRecord

FIGURES = ("ablation", "distortion", "vulnerability-maps-1", "vulnerability-maps-2", "loss-surface", "loss-sections")


def test_the_smoke_recipe_draws_every_picture(tmp_path: Path) -> None:
    smaller = ["data.train=64", "data.test=12", "measures.loss surface.points=3"]
    done = bt.run("anpvs-pictures", preset="smoke", set=smaller, store=tmp_path / "store", jobs=1, device="cpu")
    assert done.missing == []
    folder = done.index.parent
    page = done.index.read_text(encoding="utf-8")
    for name in FIGURES:
        assert f'data-figure="{name}"' in page and (folder / "figures" / f"{name}.svg").stat().st_size > 1000
    for name in ("vulnerability-units.csv", "vulnerability-maps.csv", "loss-surface.csv"):
        assert f'href="{name}"' in page and len((folder / name).read_text().splitlines()) > 3 * 9
    maps = done.grid.of(VulnerabilityMapRecord)
    assert {
        record.tap for (_, metric), [cell] in maps.items() if metric == "first layer" for record in [cell.record]
    } == {"relu1"}
    assert all(cell.record.n == 10 for [cell] in done.grid.of(LossSurfaceRecord).values())
