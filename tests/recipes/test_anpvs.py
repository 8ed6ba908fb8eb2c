"""The recipes of Madaan et al. 2020: their rows, what they share, and that every row runs."""

from pathlib import Path

import pytest

from blackthorn.recipes import read_recipe

from .conftest import run
from .test_addresses import keys, laid_out, steps

PAPER = ["standard", "bp", "at", "at-vs", "at-bnn", "pre-at", "admm", "trades", "anp", "anp-vs"]
CONTROLS = ["at small", "at filters"]


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100"])
@pytest.mark.parametrize("preset", ["full", "lite", "smoke"])
def test_every_row_of_the_paper_is_there_with_the_controls_that_it_lacks(name: str, preset: str) -> None:
    recipe = read_recipe(f"anpvs-{name}", preset=preset)
    assert recipe.rows == [*PAPER, *CONTROLS]
    made = laid_out(recipe)
    sources = {stage.name for place in made.places for stage in place.stage.inputs.get("source", ())}
    assert len(sources) == len(recipe.seeds)  # one for all rows of a seed, and a training of its own
    assert not any(sources & set(steps(made, row, seed)) for row in recipe.rows for seed in recipe.seeds)


@pytest.mark.parametrize("preset", ["full", "lite"])
def test_the_ablation_has_the_networks_of_the_main_table(preset: str) -> None:
    main, ablation, harder = (
        laid_out(read_recipe(f"anpvs-{name}", preset=preset)) for name in ("cifar10", "ablation", "compression")
    )
    if preset == "full":
        assert all(steps(ablation, row) == steps(main, row) for row in ("at", "at-vs", "anp", "anp-vs"))
    assert steps(harder, "anp-vs kl 2") == steps(main, "anp-vs") and keys(harder) & keys(main)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mnist", "cifar10", "ablation", "compression"])
def test_every_row_runs_in_small(name: str, tmp_path: Path) -> None:
    assert run(read_recipe(f"anpvs-{name}", preset="smoke"), tmp_path / "store") == {}
