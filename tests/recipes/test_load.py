"""A network that begins with weights from a file: its content decides its address, and what does not fit is named."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from blackthorn import models
from blackthorn.deploy import load, save
from blackthorn.deploy.weights import fitted
from blackthorn.errors import BlackthornError, RecipeError
from blackthorn.measuring import Accuracy
from blackthorn.models.brought import brought_along
from blackthorn.recipes import Recipe
from blackthorn.results import AccuracyRecord
from blackthorn.running import Store
from blackthorn.running.collecting import collect
from blackthorn.values import parse

from ..deploy.local_hub import local_hub, point_to
from .conftest import laid_out, run
from .tiny import read, tiny

CONV = {"kind": "parana_cnn", "channels": [2, 2, 2, 2], "hidden": [8]}
MLP = {"kind": "mlp", "hidden": [16]}


def loading(file: Path | str, model: dict[str, Any] = MLP) -> dict[str, Any]:
    recipe = tiny("networks", to={"given": {"from": str(file)}})
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


def test_a_network_of_the_hub_is_measured_as_its_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "network.safetensors"
    save(file, net(MLP))
    with local_hub() as hub:
        point_to(hub, monkeypatch, tmp_path / "hub")
        hub.files["ada/digits"] = {file.name: file.read_bytes()}
        there = read(tmp_path, loading("hf://ada/digits"))
        keys = [stage.key for stage in laid_out(there).stages]
        assert keys == [stage.key for stage in laid_out(read(tmp_path, loading(file))).stages]
        assert run(there, tmp_path / "store") == {}


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
        ({"fc1.bias": None}, "'fc1.bias' (16,) of the network is not in it"),
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
    begin = read(tmp_path, loading(tmp_path / "w.pt")).networks["given"].begin
    assert begin is not None
    with pytest.raises(BlackthornError, match="is no plain state dict"):
        begin.check(read(tmp_path, tiny()).data.load())


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ({"of": "dense", "from": "w.pt"}, "'of' and 'from' both say where it comes from"),
        ({"steps": []}, "a new network starts with a train step; write of: NETWORK to go on from one, or from: FILE"),
        ({"of": "dense", "steps": []}, "without steps it is 'dense' again"),
        ({"from": 3}, "a file of weights is wanted, or package.module:factory"),
        ({"from": {"kind": "mlp"}}, "a built-in network has no weights before it is trained"),
    ],
)
def test_a_network_comes_from_one_place(tmp_path: Path, network: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(words)):
        read(tmp_path, tiny("networks", to={**tiny()["networks"], "other": network}))


def stored(folder: Path) -> nn.Module:
    """The network that the one stage of a store which kept one has left."""
    (file,) = folder.glob("store/stages/*/network.safetensors")
    return load(file, factory="nets:make").model


def test_statistics_of_batch_norms_stay_what_they_were(tmp_path: Path) -> None:
    kind = {"kind": "wide_resnet", "depth": 10, "widen": 1}
    model = net(kind)
    model.train()(torch.rand(8, 1, 8, 8))
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    assert run(read(tmp_path, loading(tmp_path / "w.safetensors", kind)), tmp_path / "store") == {}
    found = stored(tmp_path).state_dict()
    assert all(torch.equal(found[name], held) for name, held in model.state_dict().items())


@pytest.mark.parametrize("prefix", ["model.", "module.", "net.module."])
def test_a_prefix_that_all_names_have_in_common_is_understood(tmp_path: Path, prefix: str) -> None:
    state = {prefix + name: tensor for name, tensor in net(MLP).state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state, "optimizer": {"lr": 0.1}}, tmp_path / "w.pt")
    assert run(read(tmp_path, loading(tmp_path / "w.pt")), tmp_path / "store") == {}
    found = stored(tmp_path).state_dict()
    assert all(torch.equal(found[name.removeprefix(prefix)], held) for name, held in state.items())


def test_a_prefix_that_the_network_has_and_the_file_lacks_is_understood() -> None:
    wanted = {"inner.fc.weight": torch.zeros(2, 3), "inner.fc.bias": torch.zeros(2)}
    given = {"fc.weight": torch.ones(2, 3), "fc.bias": torch.ones(2)}
    assert set(fitted("w.pt", given, wanted)) == set(wanted)


FACTORY = """
import collections, torch
from torch import nn

Output = collections.namedtuple("Output", ["logits", "hidden"])

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        hidden = x.flatten(1)
        return RETURNED

def make():
    return Net()

def trained():
    net = Net()
    net.load_state_dict(torch.load("own.pt", weights_only=True))
    return net
"""


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module `nets` in the current folder, of this test alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "nets", raising=False)
    (tmp_path / "nets.py").write_text(FACTORY.replace("RETURNED", "self.fc(hidden)"))
    return tmp_path / "nets.py"


@pytest.mark.parametrize("returned", ['{"logits": self.fc(hidden)}', "Output(self.fc(hidden), hidden)"])
def test_logits_are_found_in_a_dict_or_an_object(tmp_path: Path, factory: Path, returned: str) -> None:
    factory.write_text(FACTORY.replace("RETURNED", returned))
    plain = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    torch.save({"fc.weight": plain[1].weight, "fc.bias": plain[1].bias}, tmp_path / "w.pt")
    recipe = read(tmp_path, loading(tmp_path / "w.pt", {"kind": "nets:make"}))
    assert run(recipe, tmp_path / "store") == {}
    grid, _ = collect(laid_out(recipe), Store(tmp_path / "store"))
    (cell,) = grid.of(AccuracyRecord)["given", "natural"]
    test = recipe.data.load().test
    assert cell.record.value == Accuracy()(plain, test.x, test.y).value


def test_weights_that_a_factory_reads_are_part_of_the_address(tmp_path: Path, factory: Path) -> None:
    recipe = tiny("networks", to={"given": {"from": "nets:trained"}})
    del recipe["published"], recipe["statements"]
    keys = []
    for seed in (1, 2, 1):
        chance = torch.Generator().manual_seed(seed)
        torch.save({"fc.weight": torch.rand(10, 64, generator=chance), "fc.bias": torch.zeros(10)}, tmp_path / "own.pt")
        keys.append([stage.key for stage in laid_out(read(tmp_path, recipe)).stages])
    assert keys[0] == keys[2] and not set(keys[0]) & set(keys[1])
    assert run(read(tmp_path, recipe), tmp_path / "store") == {}
    (held,) = tmp_path.glob("store/stages/built-*/network.safetensors")
    weight = load(held, factory="nets:trained").model.state_dict()["fc.weight"]
    assert torch.equal(weight, torch.load("own.pt", weights_only=True)["fc.weight"])


def test_what_a_factory_draws_is_no_part_of_the_address(tmp_path: Path, factory: Path) -> None:
    assert brought_along("nets:make", num_classes=10, shape=(1, 8, 8)) is None
    assert brought_along("resnet18", num_classes=10, shape=(3, 8, 8)) is None


def test_a_module_in_memory_goes_through_steps_and_keeps_its_weights(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    prune = {"kind": "prune", "criterion": {"kind": "magnitude"}, "sparsity": 0.5}
    networks = {"given": {"from": model}, "pruned": {"of": "given", "steps": [prune]}}
    recipe: Recipe = parse(
        Recipe, {**tiny("networks", to=networks), "published": None, "statements": (), "presets": {}}
    )
    assert run(recipe, tmp_path / "store") == {}
    grid, missing = collect(laid_out(recipe), Store(tmp_path / "store"))
    test = recipe.data.load().test
    assert not missing
    assert grid.of(AccuracyRecord)["given", "natural"][0].record.value == Accuracy()(model, test.x, test.y).value
    assert grid.of(AccuracyRecord)["pruned", "pgd"][0].record.sparsity_weights == pytest.approx(0.5, abs=0.01)
    assert all(torch.equal(held, before[name]) for name, held in model.state_dict().items())
    with torch.no_grad():
        model[1].bias[0] += 1
    assert collect(laid_out(recipe), Store(tmp_path / "store"))[0].cells == []  # another network, another address
