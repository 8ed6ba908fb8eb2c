"""Presets, overrides and sweeps: what ends up in the recipe."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from blackthorn.errors import RecipeError
from blackthorn.objectives import Adversarial, LinearQuadratic
from blackthorn.recipes import Recipe
from blackthorn.recipes.reading import published, read_recipe
from blackthorn.recipes.request import Request
from blackthorn.stages import InsertGates, Train

from .tiny import MISSING, TRAIN, read, tiny, write

SWEEP = {
    "for": {"rate": [50, 80], "scope": ["global", "per_layer"]},
    "of": "dense",
    "steps": [{"kind": "prune", "criterion": {"kind": "magnitude"}, "scope": "{scope}", "sparsity": "{rate}%"}],
}


def epochs(recipe: Recipe) -> dict[str, list[int]]:
    return {
        name: [step.epochs for step in network.steps if step.kind == "train"]
        for name, network in recipe.networks.items()
    }


def test_the_full_preset_is_the_recipe_as_written(tmp_path: Path) -> None:
    assert read(tmp_path, tiny()).data.train == 120


def test_a_preset_changes_what_it_names(tmp_path: Path) -> None:
    assert read(tmp_path, tiny(), preset="smoke").data.train == 60


def test_changes_come_after_the_preset(tmp_path: Path) -> None:
    assert read(tmp_path, tiny(), "data.train=70", preset="smoke").data.train == 70


def test_a_later_change_wins(tmp_path: Path) -> None:
    assert read(tmp_path, tiny(), "data.train=70", "data.train=80").data.train == 80


def test_a_star_reaches_every_entry_that_has_the_rest_of_the_path(tmp_path: Path) -> None:
    assert epochs(read(tmp_path, tiny(), "networks.*.steps.*.epochs=7")) == {"dense": [7], "weight 50%": [7]}


def test_a_kind_selects_the_steps_of_that_kind(tmp_path: Path) -> None:
    made = read(tmp_path, tiny(), "networks.weight 50%.steps.train.epochs=5", "networks.*.steps.prune.sparsity=60%")
    assert epochs(made) == {"dense": [2], "weight 50%": [5]}
    assert made.networks["weight 50%"].steps[0].sparsity == pytest.approx(0.6)


def test_a_kind_behind_a_star_adds_options_that_were_not_written(tmp_path: Path) -> None:
    made = read(tmp_path, tiny(), "networks.*.steps.train.precision=float32")
    assert [network.steps[-1].precision for network in made.networks.values()] == ["float32", "float32"]
    made = read(tmp_path, tiny(), "measures.*.attack.pgd.restarts=3", "measures.*.attack.fgsm.loss=margin")
    assert made.measures["pgd"].attack.restarts == 3 and made.measures["fgsm 0.1"].attack.loss == "margin"


def test_a_number_selects_by_position(tmp_path: Path) -> None:
    assert epochs(read(tmp_path, tiny(), "networks.weight 50%.steps.1.epochs=9"))["weight 50%"] == [9]


def test_names_in_paths_may_hold_dots(tmp_path: Path) -> None:
    made = read(tmp_path, tiny(), "measures.fgsm 0.1.attack.eps=0.2")
    assert made.measures["fgsm 0.1"].attack.eps == 0.2


def test_an_option_that_was_left_out_can_be_set(tmp_path: Path) -> None:
    made = read(tmp_path, tiny(), "data.resize=28", "networks.dense.steps.0.optimizer={kind: sgd, lr: 0.1}")
    assert made.data.resize == 28
    assert made.networks["dense"].steps[0].optimizer.lr == 0.1


def test_short_forms_can_be_changed_by_their_parts(tmp_path: Path) -> None:
    recipe = tiny("data", to="digits")
    recipe["model"] = "mlp"
    del recipe["presets"]
    made = read(tmp_path, recipe, "data.train=50", "model.hidden=[8]")
    assert (made.data.train, made.model) == (50, {"kind": "mlp", "hidden": [8]})


@pytest.mark.parametrize("written", ["8/255", "0.03137254901960784", "3.137254901960784e-2"])
def test_numbers_may_be_written_as_people_write_them(tmp_path: Path, written: str) -> None:
    assert read(tmp_path, tiny(), f"measures.pgd.attack.eps={written}").measures["pgd"].attack.eps == 8 / 255


def test_a_change_to_one_place_does_not_reach_others_that_share_its_anchor(tmp_path: Path) -> None:
    text = """
title: Anchors
data: digits
model: mlp
networks:
  one: {steps: [&train {kind: train, epochs: 1}]}
  two: {steps: [*train]}
measures: {natural: {kind: accuracy}}
"""
    assert epochs(read(tmp_path, text, "networks.one.steps.0.epochs=5")) == {"one": [5], "two": [1]}


def test_for_makes_a_network_of_each_combination(tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"]["weight {rate}% {scope}"] = SWEEP
    made = read(tmp_path, recipe)
    assert made.rows[2:] == ["weight 50% global", "weight 50% per_layer", "weight 80% global", "weight 80% per_layer"]
    last = made.networks["weight 80% per_layer"].steps[0]
    assert (last.sparsity, last.scope) == (pytest.approx(0.8), "per_layer")


def test_a_shorter_sweep_takes_the_published_numbers_of_its_rows_along_and_no_others(tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"]["filter {rate}%"] = {
        **SWEEP,
        "for": {"rate": [50, 80]},
        "steps": recipe["networks"]["dense"]["steps"],
    }
    recipe["published"] = {"source": "p", "values": {"filter 50%": {"natural": 9}, "filter 80%": {"natural": 8}}}
    recipe["presets"] = {"short": {"networks.filter {rate}%.for.rate": [80]}}
    assert read(tmp_path, recipe, preset="short").published.values == {"filter 80%": {"natural": 8}}
    assert len(read(tmp_path, recipe).published.values) == 2
    recipe["published"]["values"]["filter 90%"] = {"natural": 7}
    with pytest.raises(RecipeError, match="names the row 'filter 90%'"):
        read(tmp_path, recipe)


def test_a_swept_option_keeps_its_type(tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"]["train {n}"] = {"for": {"n": [1, 3]}, "steps": [{"kind": "train", "epochs": "{n}"}]}
    assert epochs(read(tmp_path, recipe))["train 3"] == [3]


def test_a_sweep_can_name_the_network_it_goes_on_from(tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"]["more {of}"] = {
        "for": {"of": ["dense", "weight 50%"]},
        "of": "{of}",
        "steps": [{"kind": "train", "epochs": 1}],
    }
    assert read(tmp_path, recipe).networks["more weight 50%"].of == "weight 50%"


def test_presets_and_changes_reach_swept_networks(tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"]["train {n}"] = {"for": {"n": [1, 3]}, "steps": [{"kind": "train", "epochs": "{n}"}]}
    recipe["presets"]["short"] = {"networks.*.steps.train.epochs": 1}
    assert all(counts == [1] for counts in epochs(read(tmp_path, recipe, preset="short")).values())


def test_presets_and_changes_reach_the_values_of_a_sweep(tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"]["train {n}"] = {"for": {"n": [1, 3]}, "steps": [{"kind": "train", "epochs": "{n}"}]}
    recipe["presets"]["short"] = {"networks.train {n}.for.n": [2], "networks.train 2.steps.train.batch_size": 7}
    assert set(epochs(read(tmp_path, recipe))) >= {"train 1", "train 3"}
    short = read(tmp_path, recipe, preset="short")
    assert "train 1" not in short.networks and short.networks["train 2"].steps[0].batch_size == 7
    path = str(write(tmp_path, recipe))
    assert "train 4" in read_recipe(path, preset="short", changes=["networks.train {n}.for.n=[4, 2]"]).networks


def test_a_path_may_ask_for_the_kind_of_what_it_changes(tmp_path: Path) -> None:
    recipe = tiny()
    for kind in ("fgsm", "pgd"):
        objective = {"kind": "adversarial", "attack": {"kind": kind, "eps": 0.1}}
        recipe["networks"][kind] = {"steps": [{"kind": "train", "epochs": 1, "objective": objective}]}
    recipe["presets"]["short"] = {"networks.*.steps.train.objective.attack.pgd.steps": 3}
    made = read(tmp_path, recipe, preset="short")
    assert made.networks["pgd"].steps[0].objective.attack.steps == 3
    assert not hasattr(made.networks["fgsm"].steps[0].objective.attack, "steps")


def test_a_path_reaches_an_option_that_is_called_as_its_step(tmp_path: Path) -> None:
    recipe = tiny()
    gated = [{"kind": "gate", "gate": {"kind": "beta_bernoulli", "lr": 0.01}}]
    recipe["networks"]["gated"] = {"of": "dense", "steps": gated}
    step = read(tmp_path, recipe, "networks.*.steps.gate.gate.lr=0.03").networks["gated"].steps[0]
    assert isinstance(step, InsertGates) and step.gate.lr == 0.03


def test_an_option_named_on_is_no_truth_value(tmp_path: Path) -> None:
    objective = {"kind": "adversarial", "attack": {"kind": "fgsm", "eps": 0.1}, "on": {"kind": "linear_quadratic"}}
    text = yaml.safe_dump(tiny(*TRAIN, "objective", to=objective), sort_keys=False)
    assert "'on':" in text
    (step,) = read(tmp_path, text.replace("'on':", "on:")).networks["dense"].steps
    assert isinstance(step, Train) and isinstance(step.objective, Adversarial)
    assert step.objective.on == LinearQuadratic()


def test_a_published_number_may_have_a_percent_sign(tmp_path: Path) -> None:
    made = read(tmp_path, tiny("published", "values", to={"dense": {"natural": "99.1%"}}))
    assert made.published is not None
    assert made.published.values["dense"]["natural"] == 99.1


def test_an_unknown_preset_is_an_error_even_beside_none(tmp_path: Path) -> None:
    recipe = tiny()
    del recipe["presets"]
    with pytest.raises(RecipeError, match="there is no preset 'smoke'; Known: full"):
        read(tmp_path, recipe, preset="smoke")


@pytest.mark.parametrize("name", published())
def test_every_preset_of_the_published_recipes_reads(name: str) -> None:
    for preset in ["full", *read_recipe(name).presets]:
        assert read_recipe(name, preset=preset).rows


@pytest.mark.parametrize("name", ["r.yaml", "a b.yaml", "ünïcode.yml"])
def test_a_recipe_is_found_by_the_name_of_its_file(tmp_path: Path, name: str) -> None:
    assert read_recipe(str(write(tmp_path, tiny(), name))).title == "Tiny"


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    text: Any = yaml.safe_dump(tiny(), sort_keys=False)
    assert read(tmp_path, ("\ufeff" + text).encode()).title == "Tiny"


def test_a_shorter_sweep_takes_the_statements_and_selections_of_its_rows_along_and_says_so(tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"]["weight {rate}%"] = {
        "for": {"rate": [60, 70]},
        "of": "dense",
        "steps": [{"kind": "prune", "criterion": {"kind": "magnitude"}, "sparsity": "{rate}%"}],
    }
    about = {"kind": "keeps", "than": "dense", "metrics": ["natural"], "points": 5}
    recipe["statements"] = [
        {**about, "text": "Sixty are free", "rows": ["weight 60%"]},
        {**about, "text": "Seventy are free", "rows": ["weight 60%", "weight 70%"]},
    ]
    rule = {"rule": {"kind": "no_loss"}, "from": "weight *"}
    recipe["select"] = {"best": {**rule, "than": "dense"}, "other": {**rule, "than": "weight 70%"}}
    made = read(tmp_path, recipe, "networks.weight {rate}%.for.rate=[60, 80]")
    assert [one.text for one in made.statements] == ["Sixty are free"]
    assert list(made.select) == ["best"]
    assert made.left_out == ("Seventy are free", "other")
    assert read(tmp_path, recipe).left_out == ()


def test_a_model_that_is_given_fills_one_that_is_missing(tmp_path: Path) -> None:
    path = str(write(tmp_path, tiny("model", to=MISSING)))
    with pytest.raises(RecipeError, match="model: is missing"):
        Request(path).read()
    assert Request(path, model="lenet5_caffe").read().model == {"kind": "lenet5_caffe"}
