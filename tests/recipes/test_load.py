"""A network that begins with weights from a file: its content decides its address, and what does not fit is named."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from blackthorn import models
from blackthorn.deploy import save
from blackthorn.errors import BlackthornError, RecipeError
from blackthorn.measuring import Accuracy
from blackthorn.results import AccuracyRecord
from blackthorn.running import Store
from blackthorn.running.collecting import collect

from .conftest import laid_out, run
from .tiny import read, tiny

CONV = {"kind": "parana_cnn", "channels": [2, 2, 2, 2], "hidden": [8]}
MLP = {"kind": "mlp", "hidden": [16]}


def loading(file: Path, model: dict[str, Any] = MLP) -> dict[str, Any]:
    recipe = tiny("networks", to={"given": {"steps": [{"kind": "load", "weights": str(file)}]}})
    del recipe["published"], recipe["statements"]
    return {**recipe, "model": model, "measures": {"natural": {"kind": "accuracy"}}}


def net(kind: dict[str, Any]) -> nn.Module:
    return models.build(kind, num_classes=10, shape=(1, 8, 8))


@pytest.mark.parametrize("kind", [MLP, CONV], ids=["mlp", "conv"])
@pytest.mark.parametrize("ending", ["safetensors", "pt", "bundle"])
def test_what_is_measured_is_the_network_of_the_file(tmp_path: Path, kind: dict[str, Any], ending: str) -> None:
    model, file = net(kind), tmp_path / f"w.{ending}"
    if ending == "pt":
        torch.save(model.state_dict(), file)
    elif ending == "bundle":
        save(file, model)
        kind = MLP if kind is CONV else CONV  # a bundle knows its own architecture
    else:
        save_file(model.state_dict(), file)
    recipe = read(tmp_path, loading(file, kind))
    assert run(recipe, tmp_path / "store") == {}
    grid, missing = collect(laid_out(recipe), Store(tmp_path / "store"))
    (cell,) = grid.of(AccuracyRecord)["given", "natural"]
    test = recipe.data.load().test
    assert not missing and cell.flags is not None
    assert torch.equal(torch.from_numpy(cell.flags), Accuracy()(model, test.x, test.y).flags)


def test_the_content_of_the_file_decides_the_address_and_its_name_does_not(tmp_path: Path) -> None:
    one, same, other = (tmp_path / f"{name}.pt" for name in ("one", "same", "other"))
    torch.save(net(MLP).state_dict(), one)
    same.write_bytes(one.read_bytes())
    torch.save(net(MLP).state_dict(), other)
    first, again, different = (
        [stage.key for stage in laid_out(read(tmp_path, loading(file))).stages] for file in (one, same, other)
    )
    assert first == again and not set(first) & set(different)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"fc1.weight": torch.zeros(3, 64)}, "'fc1.weight' has shape (3, 64), the network wants (16, 64)"),
        ({"extra": torch.zeros(1)}, "'extra' is not part of the network"),
        ({"fc1.bias": None}, "'fc1.bias' of the network is not in it"),
    ],
)
def test_the_first_weight_that_does_not_fit_is_named(tmp_path: Path, state: dict[str, Any], words: str) -> None:
    held = {name: tensor for name, tensor in {**net(MLP).state_dict(), **state}.items() if tensor is not None}
    torch.save(held, tmp_path / "w.pt")
    (why,) = set(run(read(tmp_path, loading(tmp_path / "w.pt")), tmp_path / "store").values())
    assert words in why and "\n" not in why


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    recipe = read(tmp_path, loading(tmp_path / "none.pt"))
    with pytest.raises(BlackthornError, match=r"none\.pt: the weights cannot be read"):
        laid_out(recipe)


def test_a_whole_pickled_module_is_refused(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "w.pt")
    (step,) = read(tmp_path, loading(tmp_path / "w.pt")).networks["given"].steps
    with pytest.raises(BlackthornError, match="is no plain state dict"):
        step.check(read(tmp_path, tiny()).data.load())


def test_a_load_that_is_not_the_first_step_is_refused(tmp_path: Path) -> None:
    recipe = tiny()
    recipe["networks"]["dense"]["steps"].append({"kind": "load", "weights": "w.pt"})
    with pytest.raises(RecipeError, match="load begins a network; make it the first step"):
        read(tmp_path, recipe)
