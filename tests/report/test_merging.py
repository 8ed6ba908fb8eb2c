"""Seeds that were run apart give the report that they would have given together."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import blackthorn as bt
from blackthorn.errors import StoreError
from blackthorn.report.merging import merged
from blackthorn.report.recorded import record_grid
from blackthorn.results import Grid

from ..claims.grids import accuracy, grid
from ..cli.conftest import Cli, refusal
from ..cli.conftest import cli as cli
from ..recipes.conftest import finished as finished
from ..recipes.conftest import run
from ..recipes.conftest import store as store
from ..recipes.tiny import read, tiny, write

RECIPE: dict[str, Any] = {
    "title": "Tiny",
    "seeds": [0],
    "networks": {"dense": {"steps": [{"kind": "train", "epochs": 2}]}},
    "measures": {"natural": {"kind": "accuracy"}},
}


def _grid(seed: int) -> Grid:
    return grid([accuracy("dense", np.array([True, False, True]), "natural", seed=seed)], (seed,))


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The record of seed 0, and its recipe."""
    record_grid(_grid(0), tmp_path / "kept")
    (tmp_path / "kept/recipe.yaml").write_text(yaml.safe_dump(RECIPE), "utf-8")
    return tmp_path / "kept"


def test_seeds_of_a_record_are_added_in_order_and_have_no_images(kept: Path) -> None:
    retold = RECIPE | {"seeds": [7], "title": "said otherwise"}  # what is said of numbers may differ
    both = merged(_grid(7), retold, [kept])
    assert both.seeds == [0, 7] and [cell.seed for cell in both.cells] == [7, 0]
    assert both.cells[1].folder is None and both.cells[1].flags is not None
    assert both.cells[1].flags.tolist() == [True, False, True]


def test_a_seed_that_is_there_twice_is_refused(kept: Path) -> None:
    with pytest.raises(StoreError, match=r"kept: seed 0 is in it and in this report too; name .* with --seeds"):
        merged(_grid(0), RECIPE, [kept])
    with pytest.raises(StoreError, match="seed 0 is in it"):
        merged(_grid(1), RECIPE, [kept, kept])


def test_another_recipe_is_refused_by_its_first_difference(kept: Path) -> None:
    here = RECIPE | {"networks": {"dense": {"steps": [{"kind": "train", "epochs": 3, "batch_size": 8}]}}}
    said = r"its recipe is another one: networks\.dense\.steps\.0\.epochs is 2 there and 3 here \(and 1 more\)"
    with pytest.raises(StoreError, match=said):
        merged(_grid(1), here, [kept])


def test_a_recipe_that_has_got_more_networks_and_measures_since_is_the_same(kept: Path) -> None:
    network: Any = RECIPE["networks"]["dense"]
    measures = {**RECIPE["measures"], "pgd": {"kind": "accuracy"}}
    grown = RECIPE | {"networks": {"dense": network, "weight 50%": network}, "measures": measures}
    both = merged(_grid(1), grown, [kept])
    assert both.seeds == [0, 1] and [(cell.row, cell.seed) for cell in both.cells] == [("dense", 1), ("dense", 0)]
    record_grid(grid([accuracy("gone", np.ones(3, bool), "natural", seed=2)], (2,)), kept)
    assert [cell.seed for cell in merged(_grid(1), RECIPE, [kept]).cells] == [1]


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere: holds no report"):
        merged(_grid(0), {}, [tmp_path / "nowhere"])


@pytest.mark.slow
def test_merged_seeds_give_the_files_of_seeds_run_together(cli: Cli, tmp_path: Path, store: Path) -> None:
    write(tmp_path, tiny())
    assert run(replace(read(tmp_path, tiny()), seeds=(1,)), tmp_path / "there") == {}
    assert cli("report", "r.yaml", "--store", "there", "--seeds", "1", "--record", "kept").code == 0
    assert cli("report", "r.yaml", "--store", "store", "--merge", "kept", "--record", "merged").code == 0
    assert "seed 1 is in it" in refusal(cli("report", "r.yaml", "--store", "there", "--seeds", "1", "--merge", "kept"))
    page = (store / "reports/last/index.html").read_text("utf-8")
    assert "blackthorn report r.yaml --preset full --merge kept" in page
    shutil.copytree(tmp_path / "there/stages", store / "stages", dirs_exist_ok=True)
    assert cli("report", "r.yaml", "--store", "store", "--seeds", "0,1", "--out", "both").code == 0
    for name in ("results.csv", "statements.csv"):
        assert (tmp_path / "merged" / name).read_text("utf-8") == (tmp_path / "both" / name).read_text("utf-8")
    assert {tuple(seeds) for seeds in bt.read_results(tmp_path / "merged").seeds} == {(0, 1)}
