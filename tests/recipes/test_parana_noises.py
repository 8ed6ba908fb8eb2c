"""Whose noise is added to whose images in the recipes that compare noises, read from their plans."""

from blackthorn.recipes import Plan, read_recipe
from blackthorn.stages import Stage

from .test_addresses import laid_out


def noises(made: Plan) -> list[Stage]:
    return [stage for stage in made.stages if stage.kind == "noise"]


def measured(made: Plan, row: str) -> dict[str, Stage]:
    return {place.metric: place.stage for place in made.places if place.row == row}


def test_every_noise_of_the_cost_recipe_is_made_on_the_network_and_with_the_cost_that_its_name_says() -> None:
    made = laid_out(read_recipe("parana-cost"))
    own, twin = (measured(made, row)["natural"].parent for row in ("linear-quadratic", "softmax"))
    named = {metric: stage for metric, stage in measured(made, "linear-quadratic").items() if metric != "natural"}
    assert len(noises(made)) == len(named) == 3 * 8 + 2 * 4 + 2
    for metric, stage in named.items():
        (noise,) = stage.inputs["noises"]
        made_as = noise.value.noise
        assert noise.parent is (twin if metric.startswith("softmax") else own)
        assert made_as.loss == ("quadratic" if metric.startswith("quadratic") else "ce")
        assert made_as.search.penalty == (0.0 if "free" in metric or "sgd" in metric else 0.02)
        assert made_as.search.optimizer == ("sgd" if "sgd" in metric else "adam")
        assert metric.endswith(f" {made_as.target} {made_as.limit:g}")


def test_both_networks_of_the_cost_recipe_get_the_same_own_and_transferred_noises() -> None:
    made = laid_out(read_recipe("parana-cost"))
    own, twin = (measured(made, row) for row in ("linear-quadratic", "softmax"))
    assert [name for name in own if name in twin] == list(twin) and len(twin) == 1 + 2 * 8
    assert all(own[name].inputs == stage.inputs for name, stage in twin.items())


def test_noise_for_decoupled_networks_is_made_on_the_dense_one_and_reused_at_every_rate() -> None:
    recipe = read_recipe("parana-decoupled")
    made = laid_out(recipe)
    dense = measured(made, "dense")
    every = noises(made)
    assert len(every) == 8 and all(noise.parent is dense["natural"].parent for noise in every)
    for row in recipe.rows:
        for metric, stage in measured(made, row).items():
            expected = tuple(every) if stage.kind == "pruning_curve" else dense[metric].inputs.get("noises", ())
            assert stage.inputs.get("noises", ()) == expected
