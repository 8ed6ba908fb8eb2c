"""What is saved is proved to be what is loaded: the network of a bundle gives the logits it gave, or is refused."""

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from blackthorn import models
from blackthorn.deploy import load, save
from blackthorn.errors import BundleError

from .test_bundle import images, wang

OWN = """
import random
import torch
from torch import nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, num_classes, act="sigmoid", shuffled=False, chance=False):
        super().__init__()
        self.body, self.act, self.norm = nn.Conv2d(3, 8, 3), nn.ReLU(), nn.BatchNorm2d(8)
        self.out, self.kind = nn.Linear(8, num_classes), act
        self.order = torch.randperm(8).tolist() if shuffled else list(range(8))
        if chance:
            random.shuffle(self.order)
        self.temperature = 1.0

    def forward(self, x):
        x = self.act(self.norm(self.body(x)))[:, self.order].mean((2, 3))
        return self.out(torch.sigmoid(x) if self.kind else x) / self.temperature


def net(num_classes, act="sigmoid", shuffled=False, chance=False):
    return Net(num_classes, act, shuffled, chance)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_nets.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_nets", raising=False)
    return "own_nets:net"


def made(kind: str, **options: object) -> nn.Module:
    torch.manual_seed(0)
    return models.build({"kind": kind, **options}, num_classes=4, shape=(3, 9, 9)).eval()


def test_an_option_of_none_comes_back(tmp_path: Path, own: str) -> None:
    model, x = made(own, act=None), images(3, 9)
    save(tmp_path / "net.safetensors", model)
    assert torch.equal(load(tmp_path / "net.safetensors", factory=own).model(x), model(x))


def set_temperature(model: nn.Module) -> None:
    model.temperature = 0.5


def set_activation(model: nn.Module) -> None:
    model.act = nn.Hardswish()


def set_eps(model: nn.Module) -> None:
    model.norm.eps = 0.1


@pytest.mark.parametrize("change", [set_temperature, set_activation, set_eps])
def test_state_that_a_bundle_cannot_hold_is_refused_when_it_is_saved(tmp_path: Path, own: str, change: object) -> None:
    model = made(own)
    change(model)  # type: ignore[operator]
    with pytest.raises(BundleError, match="would not be loaded as it is: logits on example images differ by"):
        save(tmp_path / "net.safetensors", model)
    assert not (tmp_path / "net.safetensors").exists()


@pytest.mark.parametrize("how", ["shuffled", "chance"])
def test_an_order_drawn_while_building_is_refused_when_it_is_saved(tmp_path: Path, own: str, how: str) -> None:
    with pytest.raises(BundleError, match="drawn or set outside parameters and buffers"):
        save(tmp_path / "net.safetensors", made(own, **{how: True}))


def test_a_network_whose_code_was_changed_is_refused_when_it_is_loaded(tmp_path: Path, own: str) -> None:
    save(tmp_path / "net.safetensors", made(own))
    (tmp_path / "own_nets.py").write_text(OWN.replace("nn.ReLU()", "nn.Sigmoid()"))
    sys.modules.pop("own_nets")
    with pytest.raises(BundleError, match=r"not the network that was saved.*the code was changed since"):
        load(tmp_path / "net.safetensors", factory=own)


def test_a_bundle_without_example_images_opens_as_before(tmp_path: Path) -> None:
    model = wang()
    header = {"version": 1, "architecture": model.architecture, "masked": False, "about": {}}
    tensors = {f"model.{name}": tensor.clone() for name, tensor in model.state_dict().items()}
    save_file(tensors, tmp_path / "old.safetensors", metadata={"blackthorn": json.dumps(header)})
    x = images(1, 28)
    assert torch.equal(load(tmp_path / "old.safetensors").model(x), model(x))
