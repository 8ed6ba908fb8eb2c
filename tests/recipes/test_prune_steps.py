"""Prune steps of a recipe: images for criteria that want them, some layers only, several prunings at once."""

from pathlib import Path
from typing import Any

import pytest
import torch

from blackthorn.attacks import FGSM
from blackthorn.data import pixels
from blackthorn.deploy import Bundle, load
from blackthorn.errors import RecipeError
from blackthorn.pruning import RFP, ActivatedValue, Magnitude, Pruning, masks_for
from blackthorn.recipes import Recipe, plan
from blackthorn.stages import Stage
from blackthorn.values import address, spell

from .conftest import laid_out, run
from .test_addresses import splits
from .tiny import read, tiny

ACTIVATED = {"kind": "activated_value", "images": 30}
PRUNE = {"kind": "prune", "criterion": {"kind": "magnitude"}, "scope": "per_layer", "sparsity": "50%"}


def per_layer(criterion: Any, sparsity: float) -> Pruning:
    return Pruning(criterion=criterion, sparsity=sparsity, scope="per_layer")


def pruned(**step: Any) -> dict[str, Any]:
    """A recipe of a network that is trained for an epoch and pruned once."""
    recipe: dict[str, Any] = {key: tiny()[key] for key in ("title", "data", "model")}
    train = {"kind": "train", "epochs": 1, "batch_size": 32, "stop_at_chance": False}
    recipe["networks"] = {"dense": {"steps": [train]}, "pruned": {"of": "dense", "steps": [{**PRUNE, **step}]}}
    return {**recipe, "measures": {"natural": {"kind": "accuracy"}}}


def prune_stage(recipe: Recipe, fingerprint: str | None = None) -> Stage:
    made = laid_out(recipe) if fingerprint is None else plan(recipe, splits(fingerprint))
    return next(stage for stage in made.stages if stage.kind == "prune")


def networks(recipe: Recipe, folder: Path) -> list[Bundle]:
    """The dense and the pruned network of a finished run."""
    assert run(recipe, folder) == {}
    stage = prune_stage(recipe)
    assert stage.parent is not None
    folders = [folder / "stages" / f"{one.kind}-{one.key}" for one in (stage.parent, stage)]
    return [load(one / "network.safetensors") for one in folders]


def test_a_criterion_that_wants_images_is_handed_those_that_the_seed_draws(tmp_path: Path) -> None:
    recipe = read(tmp_path, pruned(criterion=ACTIVATED))
    dense, sparse = networks(recipe, tmp_path / "store")
    train = recipe.data.load().train
    drawn = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:30]
    x = pixels(train.x[drawn])
    assert sparse.masks == masks_for(dense.model, per_layer(ActivatedValue(images=30), 0.5), x=x)


def test_test_images_are_handed_over_where_the_criterion_says_so(tmp_path: Path) -> None:
    recipe = read(tmp_path, pruned(criterion={**ACTIVATED, "images": 10_000, "source": "test"}))
    dense, sparse = networks(recipe, tmp_path / "store")
    x = pixels(recipe.data.load().test.x)  # fewer than it asks for: all of them
    assert sparse.masks == masks_for(dense.model, per_layer(ActivatedValue(), 0.5), x=x)


def test_a_criterion_that_wants_images_of_each_class_is_handed_as_many_of_each(tmp_path: Path) -> None:
    criterion = {"kind": "rfp", "per_class": 3, "include_linear": True, "attack": {"kind": "fgsm", "eps": 0.1}}
    recipe = read(tmp_path, pruned(criterion=criterion, largest=True))
    dense, sparse = networks(recipe, tmp_path / "store")
    train = recipe.data.load().train
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0)).tolist()
    labels = train.y.tolist()
    drawn = [i for place, i in enumerate(order) if [labels[j] for j in order[:place]].count(labels[i]) < 3]
    rfp = RFP(include_linear=True, attack=FGSM(eps=0.1))
    pruning = Pruning(criterion=rfp, sparsity=0.5, scope="per_layer", largest=True)
    assert len(drawn) == 3 * len(train.classes)
    assert sparse.masks == masks_for(dense.model, pruning, x=pixels(train.x[drawn]), y=train.y[drawn])


@pytest.mark.parametrize(("criterion", "looks"), [(ACTIVATED, True), ({"kind": "magnitude"}, False)])
def test_images_enter_the_address_of_a_pruning_that_looks_at_them_and_no_other(
    tmp_path: Path, criterion: dict[str, Any], looks: bool
) -> None:
    stage = prune_stage(read(tmp_path, pruned(criterion=criterion)), "a" * 16)
    assert stage.parent is not None
    blind = {"stage": spell(stage.value), "revision": 1, "parent": stage.parent.key}
    seen = {**blind, "seed": 0, "data": "a" * 16}
    assert stage.key == address(seen if looks else blind)


@pytest.mark.parametrize("option", [{"layers": []}, {"also": []}, {"largest": False}])
def test_an_option_that_is_empty_moves_no_address(tmp_path: Path, option: dict[str, Any]) -> None:
    assert prune_stage(read(tmp_path, pruned(**option))).key == prune_stage(read(tmp_path, pruned())).key


def test_one_layer_is_pruned_and_the_others_are_left_whole(tmp_path: Path) -> None:
    _, sparse = networks(read(tmp_path, pruned(layers=["fc1"])), tmp_path / "store")
    assert list(sparse.masks) == ["fc1.weight"]
    assert (sparse.model.fc1.weight == 0).float().mean() == 0.5 and (sparse.model.out.weight != 0).all()


def test_a_layer_that_is_not_there_fails_that_network_with_the_names_of_those_that_are(tmp_path: Path) -> None:
    failures = run(read(tmp_path, pruned(layers=["fc7"])), tmp_path / "store")
    assert any(why.endswith("layers: 'fc7' is none that is scored; there are fc1, out") for why in failures.values())


def test_several_prunings_remove_what_any_of_them_removes_of_the_same_network(tmp_path: Path) -> None:
    also = [
        {"criterion": ACTIVATED, "sparsity": "40%", "scope": "per_layer"},
        {"criterion": {"kind": "magnitude"}, "sparsity": "70%", "layers": ["out"]},
    ]
    recipe = read(tmp_path, pruned(also=also))
    dense, sparse = networks(recipe, tmp_path / "store")
    train = recipe.data.load().train
    drawn = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:30]
    wanted = (
        masks_for(dense.model, per_layer(Magnitude(), 0.5))
        & masks_for(
            dense.model,
            per_layer(ActivatedValue(), 0.4),
            x=pixels(train.x[drawn]),
        )
        & masks_for(dense.model, Pruning(criterion=Magnitude(), sparsity=0.7, layers=("out",)))
    )
    assert sparse.masks == wanted
    assert sparse.about["requested_sparsity"] == 0.5 < sparse.about["sparsity_weights"]


def test_a_network_trained_after_shrinking_still_says_what_was_removed(tmp_path: Path) -> None:
    units = {"kind": "filter_norm", "include_linear": True}
    laid = pruned(criterion=units, sparsity="50%", scope="per_layer")
    train = laid["networks"]["dense"]["steps"][0]
    laid["networks"]["pruned"]["steps"] += [{"kind": "shrink"}, train]
    recipe = read(tmp_path, laid)
    assert run(recipe, tmp_path / "store") == {}
    last = next(place.stage for place in laid_out(recipe).places if place.row == "pruned").parent
    assert last is not None and last.kind == "train"
    small = load(tmp_path / "store" / "stages" / f"train-{last.key}" / "network.safetensors")
    assert small.model.fc1.out_features == 8
    assert small.about["requested_sparsity"] == small.about["sparsity_units"] == 0.5


def test_a_pruning_beside_another_may_be_the_one_that_looks_at_images(tmp_path: Path) -> None:
    also = [{"criterion": ACTIVATED, "sparsity": "40%"}]
    recipe = read(tmp_path, pruned(also=also))
    seeds = read(tmp_path, {**pruned(also=also), "seeds": [1]})
    assert prune_stage(recipe).key != prune_stage(seeds).key


@pytest.mark.parametrize(
    ("also", "words"),
    [
        ([{"criterion": ACTIVATED, "sparsity": "40%", "layer": ["out"]}], "did you mean 'layers'?"),
        ([{"criterion": ACTIVATED, "sparsity": 0}], "removes nothing"),
        ([{"sparsity": 0.5}], "also.0.criterion: is missing"),
    ],
)
def test_what_is_wrong_with_a_pruning_beside_another_is_one_line(tmp_path: Path, also: Any, words: str) -> None:
    with pytest.raises(RecipeError) as refused:
        read(tmp_path, pruned(also=also))
    assert words in str(refused.value) and "\n" not in str(refused.value)
