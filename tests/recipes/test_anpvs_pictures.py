"""The recipe of pictures draws the networks of the paper's table, and at its smallest every picture."""

from pathlib import Path

import pytest

import blackthorn as bt
from blackthorn.recipes import read_recipe
from blackthorn.results import LossSurfaceRecord, VulnerabilityMapRecord

from .test_addresses import laid_out

pytestmark = pytest.mark.slow

FIGURES = ("ablation", "distortion", "vulnerability-maps-1", "vulnerability-maps-2", "loss-surface", "loss-sections")


@pytest.mark.parametrize("preset", ["full", "lite", "smoke"])
def test_its_networks_and_numbers_are_those_of_the_table(preset: str) -> None:
    drawn, tabled = (laid_out(read_recipe(f"anpvs-{name}", preset=preset)) for name in ("pictures", "mnist"))
    known = {(place.row, place.seed): place.stage.parent for place in tabled.places}
    same = [place for place in drawn.places if not place.row.endswith("gated")]
    for place in same:
        network, other = place.stage.parent, known[place.row, place.seed]
        assert network is not None and other is not None and network.key == other.key, place.row
    numbers = {place.stage.key for place in same if place.metric in ("clean", "white-box", "vulnerability")}
    assert numbers <= {place.stage.key for place in tabled.places}


def test_the_smoke_recipe_draws_every_picture(tmp_path: Path) -> None:
    smaller = ["data.train=64", "data.test=12", "measures.loss surface.points=3"]  # seconds
    done = bt.run("anpvs-pictures", preset="smoke", set=smaller, store=tmp_path / "store", jobs=1, device="cpu")
    assert done.missing == []
    folder = done.index.parent
    page = done.index.read_text(encoding="utf-8")
    for name in FIGURES:
        assert f'data-figure="{name}"' in page and (folder / "figures" / f"{name}.svg").stat().st_size > 1000
    for name in ("vulnerability-units.csv", "vulnerability-maps.csv", "loss-surface.csv"):
        assert f'href="{name}"' in page and len((folder / name).read_text().splitlines()) > 3 * 9
    maps = done.grid.of(VulnerabilityMapRecord)
    assert {cell.record.tap for (_, metric), [cell] in maps.items() if metric == "first layer"} == {"relu1"}
    assert {row for row, _ in maps} == {"standard", "at", "at-vs", "bp gated", "anp-vs gated"}
    assert all(cell.record.n == 10 for [cell] in done.grid.of(LossSurfaceRecord).values())
