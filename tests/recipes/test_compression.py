"""Wishes become a recipe: what is tried for them, and what cannot be wished."""

from typing import Any

import pytest
import torch
from torch import nn

from blackthorn.recipes.compression import Compression
from blackthorn.recipes.reading import recipe_of
from blackthorn.recipes.schema import Recipe
from blackthorn.values import ValidationError


def recipe(**wishes: Any) -> Recipe:
    return recipe_of(Compression(**wishes).recipe(nn.Linear(4, 2), {"source": "digits"}), "compress")


def test_a_smaller_file_is_looked_for_among_zeros_and_cut_filters_and_speed_among_filters_only() -> None:
    smaller, faster, sparse = recipe(smaller="4x"), recipe(faster=2), recipe(sparsity="90%")
    assert list(smaller.select) == ["weights", "filters", "each layer"]
    assert list(faster.select) == ["filters", "each layer"]
    assert list(sparse.select) == ["weights", "active weights"]
    assert {step.kind for step in sparse.networks["weights 90%"].steps} == {"prune", "train"}
    assert [step.kind for step in faster.networks["filters 50%"].steps] == ["prune", "train", "shrink"]
    assert "time" in faster.measures and "time" not in smaller.measures


def test_rates_lie_on_both_sides_of_the_wish_and_a_sparsity_is_tried_as_it_is_wished() -> None:
    assert Compression(smaller="4x").removed == [0.5, 0.65, 0.75, 0.82, 0.875]
    assert Compression(sparsity="90%").removed == [0.82, 0.875, 0.9, 0.91, 0.94]
    assert 0.999 in Compression(sparsity=0.999).removed
    for times in (1.1, 2, 7, 100):
        left = [1 / (1 - share) for share in Compression(smaller=times).removed]
        assert min(left) < times < max(left) or times == 1.1


def test_half_of_the_filters_of_each_layer_are_a_quarter_of_its_weights() -> None:
    assert "each layer 50%" in recipe(smaller=4).networks and recipe(smaller=4).rates["each layer 50%"] == 0.5


def test_wishes_that_share_a_rate_share_its_training() -> None:
    one, other = recipe(smaller=4).networks, recipe(smaller=3, keep_accuracy=5).networks
    shared = one.keys() & other.keys()
    assert len(shared) >= 10 and all(one[row].steps == other[row].steps for row in shared)


def test_with_a_radius_it_is_tuned_adversarially_and_chosen_by_robust_accuracy_too() -> None:
    made = recipe(smaller=4, eps="8/255", keep_robustness=3)
    assert made.networks["filters 75%"].steps[1].objective.kind == "adversarial"
    assert made.select["filters"].tolerances == {"natural, to choose by": 1, "pgd 8/255, to choose by": 3}
    assert recipe(smaller=4).select["filters"].tolerances == {"natural, to choose by": 1}


def test_the_chosen_network_is_audited_on_images_that_had_no_part_in_the_choice() -> None:
    wished = Compression(smaller=4, keep_accuracy=3)
    raw = wished.recipe(nn.Linear(4, 2), {"source": "digits"}, chosen="filters 75%", without=["filters 50%"])
    assert next(iter(raw["select"])) == "filters"  # the page opens on what was chosen
    made = recipe_of(raw, "compress")
    assert made.measures["natural, to choose by"].part == "even"
    audited = [made.measures[name] for name in ("natural", "screen 8/255")]
    assert [one.part for one in audited] == ["odd", "odd"]
    assert made.networks["filters 75%"].wants("natural") and not made.networks["filters 65%"].wants("natural")
    assert "filters 50%" not in made.networks
    assert [(one.rows, one.than, one.points) for one in made.statements] == [
        (("filters 75%",), "Linear", 3),
        (("filters 75%",), "Linear", 2),
    ]


def test_exported_files_are_attacked_by_transfer_and_by_queries() -> None:
    wished = Compression(smaller=4, eps="4/255")
    raw = wished.recipe(nn.Linear(4, 2), {"source": "digits"}, chosen="filters 75%", exported=["onnx", "int8"])
    made = recipe_of(raw, "compress")
    files = ["onnx of filters 75%", "int8 of filters 75%"]
    assert [name for name in made.networks if name not in recipe(smaller=4).networks] == files
    for name in files:
        assert made.networks[name].measures == ("natural", "transferred 4/255", "square 4/255")
    assert made.measures["transferred 4/255"].source.name == "filters 75%"
    assert made.networks["filters 75%"].wants("square 4/255") and not made.networks["Linear"].wants("square 4/255")


@pytest.mark.parametrize(
    ("wishes", "complaint"),
    [
        ({}, "nothing is wished; write smaller 4x, faster 2x or sparsity 90%"),
        ({"smaller": "4"}, "write it with an x: 4x"),
        ({"smaller": "four"}, "such as 4x"),
        ({"smaller": "0.5x"}, "more than 1x is wanted"),
        ({"faster": 1}, "more than 1x is wanted"),
        ({"smaller": "1000x"}, "at most 100x"),
        ({"sparsity": "90"}, "write 90% or 0.9"),
        ({"sparsity": "100%"}, "between 0 and 1"),
        ({"sparsity": "90%", "smaller": "4x"}, "write one of the wishes"),
        ({"smaller": "4x", "keep_robustness": 2}, "add eps 8/255"),
        ({"smaller": "4x", "eps": 8}, "write 8/255"),
        ({"smaller": "4x", "eps": 0}, "above 0"),
    ],
)
def test_what_cannot_be_wished(wishes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Compression(**wishes)
    assert torch.is_grad_enabled()
