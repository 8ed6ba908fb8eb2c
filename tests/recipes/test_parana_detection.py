"""The recipe on detectors works with the networks and the noises of the recipe on costs, read from their plans."""

from blackthorn.attacks import Evading
from blackthorn.recipes import Plan, read_recipe
from blackthorn.stages import Stage

from .test_addresses import laid_out


def of_kind(made: Plan, kind: str) -> dict[str, Stage]:
    return {stage.key: stage for stage in made.stages if stage.kind == kind}


def measured(made: Plan, row: str) -> dict[str, Stage]:
    return {place.metric: place.stage for place in made.places if place.row == row}


def test_networks_and_the_noises_that_both_recipes_use_are_computed_once() -> None:
    made, costs = (laid_out(read_recipe(name)) for name in ("parana-detection", "parana-cost"))
    assert of_kind(made, "train") == of_kind(costs, "train")
    both = of_kind(made, "noise").keys() & of_kind(costs, "noise").keys()
    assert len(both) == 8 + 8 + 4 + 4  # both networks' own, without the penalty, and with the quadratic cost
    assert len(of_kind(made, "noise")) == len(both) + 4  # the twin's without the penalty


def test_every_noise_is_made_on_the_network_that_it_is_added_to() -> None:
    made = laid_out(read_recipe("parana-detection"))
    for place in made.places:
        assert all(noise.parent is place.stage.parent for noise in place.stage.inputs.get("noises", ()))


def test_an_attacker_who_knows_has_the_steps_and_the_radius_of_one_who_does_not_and_tries_every_class() -> None:
    found = measured(laid_out(read_recipe("parana-detection")), "softmax")
    for radius in ("0.05", "0.1", "0.3"):
        blind, knowing = (found[f"{kind} {radius}"].value.measure for kind in ("pgd", "evading"))
        assert isinstance(knowing.attack, Evading) and knowing.attack.restarts == 9
        assert (blind.attack.eps, blind.attack.steps) == (knowing.attack.eps, knowing.attack.steps)
        assert blind.n_max == knowing.n_max


def test_only_the_network_whose_raw_outputs_are_read_gets_noise_of_the_quadratic_cost() -> None:
    made = laid_out(read_recipe("parana-detection"))
    assert set(measured(made, "linear-quadratic")) - set(measured(made, "softmax")) == {"noise adaptive"}
