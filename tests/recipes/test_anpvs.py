"""The recipes of Madaan et al. 2020: their rows, what they share, and that every row runs."""

from pathlib import Path

import pytest

from blackthorn.recipes import read_recipe

from .conftest import run
from .test_addresses import laid_out, measures, steps

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
def test_the_ablation_has_the_networks_and_numbers_of_the_main_table(preset: str) -> None:
    recipe = read_recipe("anpvs-ablation", preset=preset)
    main, ablation = laid_out(read_recipe("anpvs-cifar10", preset=preset)), laid_out(recipe)
    assert all(steps(ablation, row) == steps(main, row) for row in ("standard", "at", "at-vs", "anp", "anp-vs"))
    both = measures(ablation).keys() & measures(main).keys()
    assert len(both) == 65 * len(recipe.seeds)
    assert all(measures(ablation)[place] == measures(main)[place] for place in both)


@pytest.mark.parametrize("preset", ["full", "lite"])
def test_higher_compression_begins_at_the_networks_of_the_main_table(preset: str) -> None:
    main, harder = (laid_out(read_recipe(f"anpvs-{name}", preset=preset)) for name in ("cifar10", "compression"))
    assert steps(harder, "standard") == steps(main, "standard") and steps(harder, "at") == steps(main, "at")
    if preset == "full":  # lite draws the gates of the main table more, and those of each row here by what it is named
        assert steps(harder, "anp-vs kl 2") == steps(main, "anp-vs")


@pytest.mark.long
@pytest.mark.parametrize("name", ["mnist", "cifar10", "ablation", "compression"])
def test_every_row_runs_in_small(name: str, tmp_path: Path) -> None:
    assert run(read_recipe(f"anpvs-{name}", preset="smoke"), tmp_path / "store") == {}
