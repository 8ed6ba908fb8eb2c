"""Auditing somebody's trained network from the command line: what is said of it, and every wrong word in one line."""

import copy
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from blackthorn import load_data, models
from blackthorn.deploy import save
from blackthorn.measuring import Accuracy
from blackthorn.objectives import CrossEntropy
from blackthorn.training import fit

from .conftest import Cli

pytestmark = pytest.mark.slow

QUICK = ("--data", "digits", "--images", "60", "--eps", "0.1")
NETS = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(64, 10)

    def forward(self, x):
        return {"logits": self.inner(x.flatten(1))}

def foreign_to_audit():
    return Net()

def wide():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 7))
"""


@pytest.fixture(scope="session")
def trained() -> nn.Module:
    """A linear network on digits, with pixels as they are."""
    model = models.mlp(image_size=8, hidden=[16])
    fit(model, load_data("digits").train, CrossEntropy(), epochs=4, seed=1)
    return model


@pytest.fixture
def bundle(trained: nn.Module, tmp_path: Path) -> str:
    save(tmp_path / "net.safetensors", trained)
    return "net.safetensors"


def test_a_bundle_is_audited_and_a_second_audit_measures_nothing(cli: Cli, bundle: str, trained: nn.Module) -> None:
    said = cli("audit", bundle, *QUICK, "--json")
    assert said.code == 0
    told = json.loads(said.out)
    natural, *attacked = [one for one in told["records"] if one["measure"] == "accuracy"]
    test = load_data("digits").test
    assert natural["value"] == Accuracy(n_max=60)(trained, test.x, test.y).value
    assert [one["metric"] for one in attacked] == ["screen 0.025", "screen 0.05", "screen 0.1"]
    values = [one["value"] for one in (natural, *attacked)]
    assert values == sorted(values, reverse=True)
    assert all(one["n"] == 60 and sum(images for _, images in one["by_class"]) == 60 for one in attacked)
    (fragile,) = [one for one in told["records"] if one["measure"] == "fragility"]
    assert fragile["weakest_radii"] == sorted(fragile["weakest_radii"])
    (planted,) = [one for one in told["records"] if one["measure"] == "planted"]
    assert planted["planted"] > 40 and planted["value"] > 0.8  # behind sixteen features the quick look misses some
    assert ("were planted" in told["verdict"]) is (planted["high"] < 0.95)
    assert told["verdict"].startswith("net is right on") and f"{100 * values[-1]:.1f} %" in told["verdict"]
    page = Path(told["report"]).read_text()
    assert "The worst classes" in page and "The most fragile images" in page and "Its weakest classes are" in page
    again = cli("audit", bundle, *QUICK, "--json")
    assert "8 of 8 stages are done already" in again.err
    assert json.loads(again.out) == told


def test_a_network_never_seen_is_audited_from_a_factory_and_its_weights(
    cli: Cli, tmp_path: Path, trained: nn.Module
) -> None:
    (tmp_path / "audited_nets.py").write_text(NETS)
    torch.manual_seed(0)
    linear = nn.Linear(64, 10)
    state = {"module.inner.weight": linear.weight.detach(), "module.inner.bias": linear.bias.detach()}
    torch.save({"state_dict": state, "epoch": 1}, tmp_path / "w.pt")
    said = cli("audit", "audited_nets:foreign_to_audit", "--weights", "w.pt", *QUICK, "--json")
    assert said.code == 0, said.err
    natural = json.loads(said.out)["records"][0]["value"]
    test = load_data("digits").test
    assert natural == Accuracy(n_max=60)(nn.Sequential(nn.Flatten(), linear), test.x, test.y).value
    assert "no better than guessing among 10 classes: check" in said.err
    state["module.inner.bias"] = torch.ones(10) * torch.arange(10)  # the file is replaced
    torch.save({"state_dict": state}, tmp_path / "w.pt")
    other = cli("audit", "audited_nets:foreign_to_audit", "--weights", "w.pt", *QUICK, "--json")
    assert other.code == 0, other.err
    assert json.loads(other.out)["records"][0]["value"] != natural


def test_against_the_network_that_it_came_from_it_is_compared_image_by_image(
    cli: Cli, tmp_path: Path, bundle: str, trained: nn.Module
) -> None:
    near = ("--data", "digits", "--images", "60", "--eps", "0.05")  # of 60 images, a third stand: 22 against none
    spoilt = copy.deepcopy(trained)
    with torch.no_grad():
        spoilt.out.weight.neg_()  # it says whatever is least likely
    torch.save(spoilt.state_dict(), tmp_path / "spoilt.pt")
    save(tmp_path / "same.safetensors", trained)
    same = cli("audit", "same.safetensors", *near, "--against", bundle, "--json")
    assert [one["holds"] for one in json.loads(same.out)["comparisons"]] == [None, None]  # no difference in 60 images
    save(tmp_path / "spoilt.safetensors", spoilt)
    worse = json.loads(cli("audit", "spoilt.safetensors", *near, "--against", bundle, "--json").out)
    assert [one["holds"] for one in worse["comparisons"]] == [False, False]
    assert "spoilt is as hard to fool as net: no" in worse["verdict"]
    better = json.loads(cli("audit", bundle, *near, "--against", "spoilt.safetensors", "--json").out)
    assert [one["holds"] for one in better["comparisons"]] == [True, True]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["none.safetensors", *QUICK],
            "none.safetensors: there is no such file; give a bundle, hf://owner/name, package.module:factory",
        ),
        (["net.safetensors", "--data", "nowhere"], "nowhere: no such folder"),
        (["net.safetensors", *QUICK, "--tier", "thorough"], "audit: tier"),
        (["net.safetensors", *QUICK, "--norm", "l1"], "audit: norm"),
        (["net.safetensors", "--data", "digits", "--eps", "8"], "write 8/255"),
        (["net.safetensors", "--data", "digits", "--eps", "0"], "a radius above 0 is wanted"),
        (["net.safetensors", "--data", "digits", "--images", "few"], "audit: images"),
        (["wang_cnn", *QUICK], "a built-in network has no weights before it is trained; add --weights FILE"),
        (["mlp", "--weights", "w.pt", *QUICK], "'fc1.weight' (1500, 64) of the network is not in it"),
        (["mlp", "--weights", "none.pt", *QUICK], "none.pt: the weights cannot be read"),
        (["w.pt", *QUICK], "these weights do not say which network they belong to; write package.module:factory"),
        (["audited_nets:wide", *QUICK], "gives outputs of shape (2, 7) for 2 images"),
        (["audited_nets:none", *QUICK], "'audited_nets' has no 'none'"),
        (["net.safetensors", *QUICK, "--weights", "w.pt"], "weights belong to a network; write package.module:factory"),
        (["net.safetensors"], "--data"),
    ],
)
def test_what_is_typed_wrongly_is_one_line(
    cli: Cli, tmp_path: Path, bundle: str, words: list[str], complaint: str
) -> None:
    (tmp_path / "audited_nets.py").write_text(NETS)
    torch.save({"weight": torch.zeros(2)}, tmp_path / "w.pt")
    said = cli("audit", *words)
    assert said.code == 2 and said.out == ""
    assert complaint in said.err and said.err.count("\n") == 1, said.err


def test_a_bundle_of_somebodys_own_code_is_not_run_before_a_person_agrees(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "audited_nets.py").write_text(NETS)
    network = models.build("audited_nets:foreign_to_audit", num_classes=10, shape=(1, 8, 8))
    save(tmp_path / "own.safetensors", network)
    refused = cli("audit", "own.safetensors", *QUICK)
    assert refused.code == 2 and "--allow-code audited_nets:foreign_to_audit" in refused.err
    assert cli("audit", "own.safetensors", *QUICK, "--allow-code", "audited_nets:foreign_to_audit").code == 0
