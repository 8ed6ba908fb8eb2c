"""Options of train steps that change how a network is trained, from the text of a recipe to its history."""

import json
from pathlib import Path
from typing import Any

import pytest

from blackthorn.recipes import Recipe

from .conftest import laid_out, run
from .tiny import read, tiny


def trained(folder: Path, **options: Any) -> tuple[Recipe, str]:
    """A recipe of one network with these options of its train step, and the folder name of that step."""
    recipe: dict[str, Any] = {key: tiny()[key] for key in ("title", "data", "model")}
    train = {"kind": "train", "epochs": 1, "batch_size": 32, "stop_at_chance": False, **options}
    recipe |= {"networks": {"dense": {"steps": [train]}}, "measures": {"natural": {"kind": "accuracy"}}}
    made = read(folder, recipe)
    stage = next(stage for stage in laid_out(made).stages if stage.kind == "train")
    return made, f"{stage.kind}-{stage.key}"


AT = {"kind": "adversarial", "attack": {"kind": "pgd", "eps": 0.1, "steps": 2}}
AT_VS = {**AT, "clean_weight": "1/3", "adv_weight": "2/3", "vulnerability": "1e-3"}
"""Adversarial training with vulnerability suppression, as a recipe spells it."""


def test_vulnerability_is_suppressed_from_a_recipe_and_stands_in_the_history(tmp_path: Path) -> None:
    recipe, folder = trained(tmp_path, objective=AT_VS)
    assert run(recipe, tmp_path / "store") == {}
    lines = (tmp_path / "store" / "stages" / folder / "history.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["vulnerability"] > 0


def test_another_draw_is_an_independent_training_and_draw_0_is_none(tmp_path: Path) -> None:
    import torch

    from blackthorn.deploy import load

    _, plain = trained(tmp_path)
    weights = []
    for draw in (0, 1, 2):
        recipe, folder = trained(tmp_path, draw=draw)
        assert (folder == plain) is (draw == 0)
        assert run(recipe, tmp_path / "store") == {}
        weights.append(load(tmp_path / "store" / "stages" / folder / "network.safetensors").model.state_dict())
    name = next(name for name in weights[0] if name.endswith("weight"))
    for one, other in ((0, 1), (0, 2), (1, 2)):
        apart, size = (weights[one][name] - weights[other][name]).norm(), weights[one][name].norm()
        assert apart > 0.5 * size  # not the same first weights, trained in another order
        assert not torch.equal(weights[one][name], weights[other][name])


def test_decay_of_weights_alone_is_another_training(tmp_path: Path) -> None:
    addresses = set()
    for optimizer in ({"decay": "weights"}, {"decay": "all"}, {}):
        recipe, folder = trained(tmp_path, optimizer={"kind": "adam", "weight_decay": "1e-4", **optimizer})
        assert run(recipe, tmp_path / "store") == {}
        addresses.add(folder)
    assert len(addresses) == 2  # `all` is the default, which an address leaves out


@pytest.mark.parametrize(
    ("name", "plain", "full"),
    [
        ("objective", AT, {**AT, "vulnerability": 0}),
        ("optimizer", {"kind": "adam"}, {"kind": "adam", "decay": "all"}),
    ],
)
def test_a_default_that_is_written_down_changes_no_address(name: str, plain: Any, full: Any, tmp_path: Path) -> None:
    assert trained(tmp_path, **{name: plain})[1] == trained(tmp_path, **{name: full})[1]
