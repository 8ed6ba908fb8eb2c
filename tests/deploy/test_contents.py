"""What stands in a bundle: the network's tensors by their own names, and none of the zeros; older files open."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, load_model, save_file
from torch import Tensor, nn

from blackthorn import models
from blackthorn.deploy import load, save
from blackthorn.deploy.weights import read_weights
from blackthorn.errors import BundleError
from blackthorn.pruning import FilterNorm, Magnitude, Masks, prune, shrink

from .test_bundle import FACTORY, my_nets, wang

HERE = Path(__file__).parent
__all__ = ["my_nets"]  # the fixture


def raw(file: Path) -> dict[str, Tensor]:
    with safe_open(file, "pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118


@pytest.mark.slow
def test_a_plain_load_state_dict_takes_the_tensors_of_a_bundle(tmp_path: Path) -> None:
    model, other = models.resnet18(10), models.resnet18(10)
    save(tmp_path / "net.safetensors", model)
    other.load_state_dict(load_file(tmp_path / "net.safetensors"))
    assert all(torch.equal(other.state_dict()[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        {"kind": "mlp", "hidden": [8], "mean": [0.1], "std": [0.3], "dropout": 0.1},
        {"kind": "lenet5_caffe"},
        {"kind": "parana_cnn"},
        {"kind": "vgg16", "width": 2},
        {"kind": "vgg16_anp"},
        {"kind": "resnet18", "width": 4},
        {"kind": "wide_resnet", "depth": 10, "widen": 1},
        {"kind": "gaussian", "network": {"kind": "mlp", "hidden": [8]}},
    ],
    ids=lambda kind: kind["kind"],
)
def test_built_in_networks_are_built_without_weights_and_give_their_logits(tmp_path: Path, kind: dict) -> None:  # type: ignore[type-arg]
    model, x = models.build(kind, num_classes=3, shape=(1, 32, 32)).eval(), torch.rand(2, 1, 32, 32)
    save(tmp_path / "net.safetensors", model)
    again = load(tmp_path / "net.safetensors").model
    torch.manual_seed(0)
    wanted = model(x)
    torch.manual_seed(0)
    assert torch.equal(again(x), wanted)
    held = [*again.parameters(), *again.buffers()]
    assert all(tensor.device.type == "cpu" for tensor in held)
    assert [p.requires_grad for p in again.parameters()] == [p.requires_grad for p in model.parameters()]


def test_tied_weights_are_stored_once_and_safetensors_ties_them(tmp_path: Path, my_nets: str) -> None:
    model = models.build(my_nets, num_classes=4, shape=(3, 9, 9))
    save(tmp_path / "net.safetensors", model)
    names = raw(tmp_path / "net.safetensors").keys()
    assert "again.weight" in names and "other.weight" not in names
    with torch.no_grad():
        model.scale.zero_()  # no part of the state dict, and drawn by the factory
    other = copy.deepcopy(model)
    nn.init.zeros_(other.again.weight)
    save_file({name: t for name, t in raw(tmp_path / "net.safetensors").items() if name != "scale"}, tmp_path / "x")
    load_model(other, tmp_path / "x")
    assert torch.equal(other.other.weight, model.again.weight)


RECEIVER = """
import json, sys, numpy, torch
from safetensors import safe_open
from my_net import net

model = net()
with safe_open("network.safetensors", "pt") as file:
    state = {name: file.get_tensor(name) for name in file.keys()}
    packed = json.loads(file.metadata()["blackthorn"]).get("packed", {})
for name, form in packed.items():
    places, whole = state.pop(f"{name}.{form['how']}"), torch.zeros(form["shape"], dtype=state[name].dtype)
    if form["how"] == "bits":
        at = torch.from_numpy(numpy.unpackbits(places.numpy(), count=whole.numel())).nonzero().flatten()
    else:
        at = torch.where(places == 0, 255, places.long()).cumsum(0)[places > 0] - 1
    state[name] = whole.view(-1).scatter(0, at, state[name]).view(form["shape"])
model.load_state_dict(state)

assert "blackthorn" not in sys.modules
torch.save(model.state_dict(), "received.pt")
"""
OWN = """
from torch import nn

def net(num_classes=10):
    return nn.Sequential(nn.Conv2d(1, 16, 5), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 24 * 24, num_classes))
"""


@pytest.mark.slow
@pytest.mark.parametrize("sparsity", [0, 0.5, 0.97])
def test_without_this_package_the_weights_are_read_in_a_few_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sparsity: float
) -> None:
    (tmp_path / "my_net.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_net", raising=False)
    model = models.build("my_net:net", num_classes=10, shape=(1, 28, 28))
    masks = prune(model, Magnitude(), sparsity=sparsity, scope="per_layer") if sparsity else None
    save(tmp_path / "network.safetensors", model, masks=masks)
    environment = {name: said for name, said in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", RECEIVER], check=True, env=environment)
    received = torch.load("received.pt", weights_only=True)
    assert received.keys() == model.state_dict().keys()
    assert all(torch.equal(received[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("given", [True, False], ids=["masks", "zeros only"])
def test_of_a_network_with_95_percent_zeros_a_twentieth_is_stored_and_every_bit_comes_back(
    tmp_path: Path, given: bool
) -> None:
    model = models.mlp(10, hidden=(1000, 1000))
    masks = prune(model, Magnitude(), sparsity=0.95, scope="per_layer")
    save(tmp_path / "net.safetensors", model, masks=masks if given else None)
    assert (tmp_path / "net.safetensors").stat().st_size < 0.07 * 4 * sum(p.numel() for p in model.parameters())
    bundle = load(tmp_path / "net.safetensors")
    assert bundle.masks == (masks if given else None)
    for name, tensor in model.state_dict().items():
        assert torch.equal(bundle.model.state_dict()[name].view(torch.int32), tensor.view(torch.int32))


def test_masks_that_keep_zeros_come_back(tmp_path: Path) -> None:
    model = wang()
    masks = prune(model, Magnitude(), sparsity=0.5)
    with torch.no_grad():
        model.conv2.weight.zero_()
        model.out.weight.zero_()
    whole = Masks({**masks, "conv1.weight": torch.ones_like(masks["conv1.weight"])})
    save(tmp_path / "net.safetensors", model, masks=whole)
    assert load(tmp_path / "net.safetensors").masks == whole


def test_weights_of_a_masked_bundle_are_whole_for_whoever_reads_a_file_of_weights(tmp_path: Path) -> None:
    model = wang()
    masks = prune(model, Magnitude(), sparsity=0.9, scope="per_layer")
    save(tmp_path / "net.bundle", model, masks=masks)
    found = read_weights(str(tmp_path / "net.bundle"))
    assert found.keys() == model.state_dict().keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in model.state_dict().items())


def test_a_buffer_that_every_built_network_has_is_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = FACTORY.replace("torch.rand(width), persistent=False", "torch.arange(width) / width, persistent=False")
    (tmp_path / "their_nets.py").write_text(code)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "their_nets", raising=False)
    model, x = models.build("their_nets:net", num_classes=4, shape=(3, 9, 9)).eval(), torch.rand(2, 3, 9, 9)
    save(tmp_path / "net.safetensors", model)
    assert "scale" not in raw(tmp_path / "net.safetensors")
    assert torch.equal(load(tmp_path / "net.safetensors", factory="their_nets:net").model(x), model(x))
    small = shrink(model, prune(model, FilterNorm(), sparsity=0.5, coupled=True), example=x)
    save(tmp_path / "small.safetensors", small)
    assert torch.equal(load(tmp_path / "small.safetensors", factory="their_nets:net").model(x), small(x))


@pytest.mark.parametrize("version", [1, 2])
def test_a_bundle_of_an_older_version_opens_as_before(version: int) -> None:
    """Files that release 0.2.0's predecessors wrote: a masked network, and one with sparse layers."""
    file = HERE / f"version{version}.safetensors"
    bundle, stored = load(file), raw(file)
    state = {**dict(bundle.model.named_parameters()), **dict(bundle.model.named_buffers())}
    assert {f"model.{name}" for name in state} == {name for name in stored if name.startswith("model.")}
    assert all(torch.equal(tensor, stored[f"model.{name}"]) for name, tensor in state.items())
    kept = {name.removeprefix("mask."): mask for name, mask in stored.items() if name.startswith("mask.")}
    assert bundle.masks == (Masks(kept) if version == 1 else None)
    assert bundle.about == ({"accuracy": 0.5} if version == 1 else {})


def test_names_that_do_not_fit_are_named_with_what_was_expected(tmp_path: Path) -> None:
    class Theirs(nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.add_module(name, nn.Linear(4, 3))
            self.name = name

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.get_submodule(self.name)(x.flatten(1))
            return y

    save(tmp_path / "net.safetensors", Theirs("fc"), example_shape=(1, 2, 2))
    with pytest.raises(BundleError, match=r"'head.bias' of 'test_.*Theirs' is not in it, but 'fc.bias' is"):
        load(tmp_path / "net.safetensors", into=Theirs("head"))


def header_with(file: Path, **changes: object) -> None:
    """Write the bundle again with another header."""
    with safe_open(file, "pt") as opened:
        said = {**json.loads(opened.metadata()["blackthorn"]), **changes}
    save_file(raw(file), file, {"blackthorn": json.dumps(said)})


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"packed": {"fc1.weight": {"how": "gaps", "shape": [2**30, 2**30]}}}, "sizes that no network has"),
        ({"packed": {"fc1.weight": {"how": "gaps", "shape": [10**30]}}}, "damaged header"),
        ({"packed": {"fc1.weight": {"how": "gaps", "shape": [1000, 784]}}}, "'fc1.weight.gaps' is not in it"),
        ({"packed": {"fc1.weight": {"how": "bits", "shape": [10, 784]}}}, "do not stand where its bits say"),
        ({"packed": {"no": {"how": "bits", "shape": [3]}}}, "'no' is not in it"),
        ({"packed": {}}, "'fc1.weight'"),
        ({"masks": ["no"]}, "'no', which has a mask, is not in it"),
        ({"logits": [[1.0], [1.0, 2.0]]}, "logits in its header are of different lengths"),
        ({"logits": [[1.0], [1.0]]}, "this is not the network that was saved"),
        ({"logits": [["a"]]}, "damaged header"),
    ],
)
def test_a_damaged_description_is_one_line(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    model, file = models.mlp(10, hidden=(1000,)), tmp_path / "net.safetensors"
    save(file, model, masks=prune(model, Magnitude(), sparsity=0.8, scope="per_layer"))
    header_with(file, **changes)
    with pytest.raises(BundleError, match=says) as refused:
        load(file)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 600
