"""Steps that insert gates, train them and fold them away."""

from pathlib import Path
from typing import Any

import pytest
import torch

from blackthorn.data import pixels
from blackthorn.deploy import Bundle, load
from blackthorn.errors import RecipeError
from blackthorn.gates import gates_of, places
from blackthorn.recipes import Recipe
from blackthorn.results import AccuracyRecord
from blackthorn.running import Folder, collect

from .conftest import laid_out, run
from .tiny import read

TRAIN: dict[str, Any] = {"kind": "train", "epochs": 1, "batch_size": 20, "stop_at_chance": False}
ATTACK = {"kind": "pgd", "eps": 0.1, "steps": 2}
ANP = {
    **TRAIN,
    "epochs": 3,
    "objective": {
        "kind": "adversarial_pruning",
        "weights": {"kind": "adversarial", "attack": ATTACK, "vulnerability": 0.1},
        "kl_weight": 0.01,
    },
}
GATE = {"kind": "gate", "linear": "input", "gate": {"kind": "beta_bernoulli", "lr": 0.6}}
FOLD = {"kind": "fold"}


def network(*steps: dict[str, Any]) -> dict[str, Any]:
    """A recipe of one small network, trained for an epoch; the rows are called `gated` and `folded`."""
    return {
        "title": "Gated",
        "data": {"source": "digits", "train": 80, "test": 30, "valid": 0, "resize": 16},
        "model": "lenet5_caffe",
        "networks": {
            "dense": {"steps": [TRAIN]},
            "gated": {"of": "dense", "steps": list(steps or (GATE, ANP))},
            "folded": {"of": "gated", "steps": [FOLD]},
        },
        "measures": {"natural": {"kind": "accuracy"}, "pgd": {"kind": "accuracy", "attack": ATTACK}},
    }


def left(recipe: Recipe, folder: Path, row: str) -> Bundle:
    """The network that the last step of a row left."""
    last = next(place.stage.parent for place in laid_out(recipe).places if place.row == row)
    assert last is not None
    return load(folder / "stages" / f"{last.kind}-{last.key}" / "network.safetensors")


def test_gates_are_trained_and_folded_to_a_smaller_network_with_the_same_answers(tmp_path: Path) -> None:
    recipe = read(tmp_path, network())
    assert run(recipe, tmp_path / "store") == {}
    gated, folded = left(recipe, tmp_path / "store", "gated"), left(recipe, tmp_path / "store", "folded")
    counts = [gate.active() for gate in gates_of(gated.model)]
    assert [len(one) for one in counts] == [20, 50, 50, 500]
    total, closed = sum(map(len, counts)), sum(int((~one).sum()) for one in counts)
    assert 0 < closed < total and not places(folded.model)
    assert (folded.about["gates"], folded.about["gates_open"]) == (total, total - closed)
    x = pixels(recipe.data.load().test.x)
    torch.testing.assert_close(folded.model(x), gated.model(x), rtol=0, atol=1e-5)
    assert sum(p.numel() for p in folded.model.parameters()) < sum(p.numel() for p in gated.model.parameters())
    grid, _ = collect(laid_out(recipe), Folder(tmp_path / "store"))
    cells = grid.of(AccuracyRecord)
    for metric in ("natural", "pgd"):
        one, other = (cells[row, metric][0].record for row in ("gated", "folded"))
        assert abs(one.value - other.value) <= 1 / 30


@pytest.mark.parametrize("change", [{"linear": "output"}, {"gate": {"kind": "beta_bernoulli", "lr": 0.4}}])
def test_options_of_gates_decide_the_address(change: dict[str, Any], tmp_path: Path) -> None:
    one = laid_out(read(tmp_path, network()))
    other = laid_out(read(tmp_path, network({**GATE, **change}, ANP)))
    moved = {stage.key for stage in one.stages if stage.kind in ("gate", "fold")}
    assert len(moved) == 2 and not moved & {stage.key for stage in other.stages}


def test_a_dense_network_is_shared_with_recipes_that_have_no_gates(tmp_path: Path) -> None:
    stages = {stage.label: stage.key for stage in laid_out(read(tmp_path, network())).stages}
    alone = network()
    alone["networks"] = {"dense": {"steps": [TRAIN]}}
    assert {stage.key for stage in laid_out(read(tmp_path, alone)).stages if stage.kind == "train"} <= set(
        stages.values()
    )


class Killed(BaseException):
    pass


@pytest.mark.slow
def test_a_training_of_gates_that_is_killed_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    recipe = read(tmp_path, network())
    assert run(recipe, tmp_path / "whole") == {}

    def kill(event: Any) -> None:
        if "epoch 3/3" in str(event):
            raise Killed

    with pytest.raises(Killed):
        run(recipe, tmp_path / "store", kill)
    assert list((tmp_path / "store").rglob("checkpoint.pt"))
    assert run(recipe, tmp_path / "store") == {}
    whole = left(recipe, tmp_path / "whole", "gated").model.state_dict()
    again = left(recipe, tmp_path / "store", "gated").model.state_dict()
    assert whole.keys() == again.keys() and all(torch.equal(whole[name], again[name]) for name in whole)


PRUNE = {"kind": "prune", "criterion": {"kind": "filter_norm"}, "sparsity": "50%"}


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ((ANP,), "networks.gated.steps.0: this train needs gates, and none are inserted before; add {kind: gate}"),
        ((TRAIN,), "networks.folded.steps.0: this fold needs gates, and none are inserted before"),
        ((GATE, GATE), "networks.gated.steps.1: the network has gates already"),
        ((GATE, PRUNE), "networks.gated.steps.1: a prune cannot follow gates through a network; add {kind: fold}"),
        ((GATE, {"kind": "shrink"}), "networks.gated.steps.1: a shrink cannot follow gates"),
        ((GATE, FOLD), "networks.folded.steps.0: this fold needs gates"),
        (({**GATE, "linear": "inputs"},), "networks.gated.steps.0.linear"),
        (({**GATE, "gate": {"kind": "beta_bernouli"}},), "networks.gated.steps.0.gate.kind"),
        (({**GATE, "gate": {"kind": "beta_bernoulli", "rl": 1}},), "networks.gated.steps.0.gate.rl"),
        (({**GATE, "gate": {"kind": "beta_bernoulli", "lr": -1}},), "networks.gated.steps.0.gate.lr"),
        (({**GATE, "gates": {}},), "networks.gated.steps.0.gates: gate has no option 'gates'; did you mean 'gate'?"),
    ],
)
def test_steps_in_an_order_that_cannot_be_are_refused(
    steps: tuple[dict[str, Any], ...], complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError) as refused:
        read(tmp_path, network(*steps))
    assert complaint in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("model", "gate", "complaint"),
    [
        ({"kind": "mlp", "hidden": []}, GATE, "no channel group of"),
        (
            "lenet5_caffe",
            {**GATE, "gate": {"kind": "beta_bernoulli", "lr": 1e-3}},
            "no gate is closed before the first",
        ),
    ],
)
def test_gates_that_cannot_be_are_one_line(model: Any, gate: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    recipe = network(gate, {**ANP, "stop_at_chance": True})
    recipe["model"] = model
    failures = run(read(tmp_path, recipe), tmp_path / "store")
    said = next(line for line in failures.values() if complaint in line)
    assert "\n" not in said
