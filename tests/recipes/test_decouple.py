"""Decouple steps of a recipe: convolutions become connections, which later steps prune one by one."""

from pathlib import Path
from typing import Any

import pytest
import torch

from blackthorn.deploy import Bundle, SparseLayer, load
from blackthorn.errors import RecipeError
from blackthorn.recipes import Recipe
from blackthorn.results import CostRecord
from blackthorn.running import Folder, collect

from .conftest import laid_out, run
from .test_prune_steps import PRUNE
from .tiny import read

TRAIN = {"kind": "train", "epochs": 1, "batch_size": 32, "stop_at_chance": False}
CONNECTIONS = {**PRUNE, "layers": ["conv*"], "sparsity": "75%"}


def network(*steps: dict[str, Any]) -> dict[str, Any]:
    """A recipe of one small network of the article's kind, trained for an epoch; the row is called `net`."""
    return {
        "title": "Decoupled",
        "data": {"source": "digits", "train": 64, "test": 20, "valid": 0},
        "model": {"kind": "parana_cnn", "channels": [2, 3, 3, 2], "hidden": [12, 8]},
        "networks": {"dense": {"steps": [TRAIN]}, "net": {"of": "dense", "steps": list(steps)}},
        "measures": {"natural": {"kind": "accuracy"}, "cost": {"kind": "cost", "repeats": 5, "batches": [1]}},
    }


def left(recipe: Recipe, folder: Path, row: str = "net") -> Bundle:
    """The network that the last step of a row left."""
    last = next(place.stage.parent for place in laid_out(recipe).places if place.row == row)
    assert last is not None
    return load(folder / "stages" / f"{last.kind}-{last.key}" / "network.safetensors")


def costs(recipe: Recipe, folder: Path, metric: str) -> dict[str, Any]:
    """Form -> what the row costs."""
    grid, _ = collect(laid_out(recipe), Folder(folder))
    records = [cell.record for cell in grid.of(CostRecord)["net", "cost"]]
    return {record.form: record.value for record in records if record.metric == metric}


def test_a_decoupled_network_computes_what_it_did_and_its_connections_are_pruned(tmp_path: Path) -> None:
    recipe = read(tmp_path, network({"kind": "decouple"}, CONNECTIONS, TRAIN))
    assert run(recipe, tmp_path / "store") == {}
    bundle = left(recipe, tmp_path / "store")
    for i in (1, 2, 3, 4):
        layer = bundle.model.get_submodule(f"conv{i}")
        assert isinstance(layer, SparseLayer) and len(layer.weight) == layer.stored
        zeros = layer.weight == 0
        assert int(zeros.sum()) == int(0.75 * layer.stored) == int((~bundle.masks[f"conv{i}.weight"]).sum())
    assert set(bundle.masks) == {f"conv{i}.weight" for i in (1, 2, 3, 4)} and bundle.model.fc1.weight.all()


def test_without_a_pruning_the_answers_stay_and_the_cost_is_beside_that_of_the_convolutions(tmp_path: Path) -> None:
    recipe = read(tmp_path, network({"kind": "decouple"}))
    assert run(recipe, tmp_path / "store") == {}
    dense, net = left(recipe, tmp_path / "store", "dense").model, left(recipe, tmp_path / "store").model
    x = torch.rand(9, 1, 8, 8)
    torch.testing.assert_close(net(x), dense(x), rtol=0, atol=1e-4)
    stored = sum(net.get_submodule(f"conv{i}").stored for i in (1, 2, 3, 4))
    linear = 128 * 12 + 12 * 8 + 8 * 10
    shared = 64 * (49 * 2 + 25 * 2 * 3 + 9 * 3 * 3 + 9 * 3 * 2)  # every position of the image, padding included
    assert costs(recipe, tmp_path / "store", "macs") == {"dense": shared + linear, "masked": stored + linear}


def test_the_cost_of_pruned_connections_is_what_is_left_of_them(tmp_path: Path) -> None:
    recipe = read(tmp_path, network({"kind": "decouple"}, CONNECTIONS))
    assert run(recipe, tmp_path / "store") == {}
    net = left(recipe, tmp_path / "store").model
    layers = [net.get_submodule(f"conv{i}") for i in (1, 2, 3, 4)]
    linear = 128 * 12 + 12 * 8 + 8 * 10
    macs = costs(recipe, tmp_path / "store", "macs")
    assert macs["masked"] == sum(layer.stored for layer in layers) + linear
    assert macs["shrunk"] == sum(layer.stored - int(0.75 * layer.stored) for layer in layers) + linear
    assert set(costs(recipe, tmp_path / "store", "latency")) == {"dense", "masked", "shrunk"}


def test_a_shrink_after_it_deletes_what_was_pruned_and_remembers_how_much(tmp_path: Path) -> None:
    recipe = read(tmp_path, network({"kind": "decouple"}, CONNECTIONS, {"kind": "shrink"}, TRAIN))
    assert run(recipe, tmp_path / "store") == {}
    bundle = left(recipe, tmp_path / "store")
    layer = bundle.model.conv2
    assert len(layer.weight) == layer.stored - int(0.75 * layer.stored) and bundle.masks is None
    assert bundle.about["requested_sparsity"] == 0.75 and bundle.about["sparsity_weights"] > 0.3


def test_what_was_pruned_before_stays_pruned_connection_by_connection(tmp_path: Path) -> None:
    filters = {"kind": "prune", "criterion": {"kind": "filter_norm"}, "scope": "per_layer", "sparsity": "50%"}
    recipe = read(tmp_path, network({**PRUNE, "layers": ["fc1"]}, filters, {"kind": "decouple"}, TRAIN))
    assert run(recipe, tmp_path / "store") == {}
    bundle = left(recipe, tmp_path / "store")
    assert bundle.masks["fc1.weight"].shape == (12, 128)
    conv = bundle.model.conv1  # two filters, of which one went
    assert (bundle.masks["conv1.weight"] == (conv.weight != 0)).all()
    assert int((conv.weight == 0).sum()) == conv.stored // 2


def test_some_convolutions_only(tmp_path: Path) -> None:
    recipe = read(tmp_path, network({"kind": "decouple", "layers": ["conv[34]"]}))
    assert run(recipe, tmp_path / "store") == {}
    model = left(recipe, tmp_path / "store").model
    assert [isinstance(model.get_submodule(f"conv{i}"), SparseLayer) for i in (1, 2, 3, 4)] == [
        False,
        False,
        True,
        True,
    ]


def test_a_convolution_that_is_not_there_fails_that_network_with_those_that_are(tmp_path: Path) -> None:
    failures = run(read(tmp_path, network({"kind": "decouple", "layers": ["conv7"]})), tmp_path / "store")
    says = "layers: 'conv7' is no convolution that ran; there are conv1, conv2, conv3, conv4"
    assert failures and all(why.endswith(says) for why in failures.values())


def test_options_that_are_left_out_are_no_other_stage(tmp_path: Path) -> None:
    one, other = (read(tmp_path, network(step)) for step in ({"kind": "decouple"}, {"kind": "decouple", "layers": []}))
    assert [stage.key for stage in laid_out(one).stages] == [stage.key for stage in laid_out(other).stages]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"kind": "decouple", "layer": ["conv1"]}, "did you mean 'layers'?"),
        ({"kind": "decuple"}, "decouple"),
    ],
)
def test_what_is_wrong_with_a_step_is_one_line(tmp_path: Path, step: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError) as refused:
        read(tmp_path, network(step))
    assert words in str(refused.value) and "\n" not in str(refused.value)
