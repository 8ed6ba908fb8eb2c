"""Attacks and criteria of a person's own, in recipes and from Python, without a change of the package."""

import json
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import FGSM, Search
from blackthorn.data import stripes
from blackthorn.measuring import Accuracy
from blackthorn.objectives import Adversarial, CrossEntropy
from blackthorn.recipes.describing import described
from blackthorn.recipes.kinds import kinds
from blackthorn.recipes.reading import plain, read_recipe
from blackthorn.values import parse, spell

from ..cli.conftest import Cli, refusal
from ..cli.conftest import cli as cli
from .tiny import tiny, write

MODULE = """
import torch
from blackthorn.attacks import Search
from blackthorn.values import Radius, value

def fgsm(model, x, y, eps=0.1):
    leaf = x.clone().requires_grad_()
    torch.nn.functional.cross_entropy(model(leaf), y, reduction="sum").backward()
    return (x + eps * leaf.grad.sign()).clamp(0, 1)

@value
class Nothing(Search):
    kind: str = "nothing"
    eps: Radius = 0.1
    def search(self, problem):
        return problem.x

class Magnitude:
    granularity = "weights"
    def __init__(self, power=1.0):
        self.power = power
    def __call__(self, model, x=None, y=None):
        assert len(x) == len(y) == 60
        weights = {n: p for n, p in model.named_parameters() if p.dim() > 1}
        return {name: weight.detach().abs() ** self.power for name, weight in weights.items()}

def scores(model, x=None, y=None):
    return Magnitude()(model, x, y)

NUMBER = 3
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module beside the recipe."""
    (tmp_path / "mine.py").write_text(MODULE)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return "mine"


def accuracies(folder: Path) -> dict[str, float]:
    """By label."""
    about = {path.parent: json.loads(path.read_text())["label"] for path in folder.glob("stages/accuracy-*/stage.json")}
    return {label: json.loads((path / "records.jsonl").read_text())["value"] for path, label in about.items()}


@pytest.mark.slow
def test_a_recipe_names_attacks_and_criteria_by_module(cli: Cli, tmp_path: Path, module: str) -> None:
    recipe = tiny("measures", "mine", to={"kind": "accuracy", "attack": {"kind": "mine:fgsm", "eps": "1/10"}})
    recipe["measures"]["nothing"] = {"kind": "accuracy", "attack": {"kind": "mine:Nothing", "eps": "8/255"}}
    recipe["networks"]["weight 50%"]["steps"][0]["criterion"] = {"kind": "mine:Magnitude", "power": 2}
    theirs = {"kind": "adversarial", "attack": {"kind": "mine:fgsm", "eps": 0.1}}
    recipe["networks"]["hard"] = {"steps": [{**recipe["networks"]["dense"]["steps"][0], "objective": theirs}]}
    write(tmp_path, recipe)
    said = cli("run", "r.yaml", "--preset", "smoke", "--store", "store", "--jobs", "1")
    assert said.code == 0, said.err
    found = accuracies(tmp_path / "store")
    for row in ("dense", "weight 50%", "hard"):
        assert found[f"seed 0 · {row} · mine"] == found[f"seed 0 · {row} · fgsm 0.1"]
        assert found[f"seed 0 · {row} · nothing"] == found[f"seed 0 · {row} · natural"]
    assert cli("report", "r.yaml", "--preset", "smoke", "--store", "store").code == 0


def test_other_code_is_another_address_and_a_report_imports_none(cli: Cli, tmp_path: Path, module: str) -> None:
    write(tmp_path, tiny("measures", to={"mine": {"kind": "accuracy", "attack": {"kind": "mine:fgsm", "eps": 0.1}}}))
    recipe = tiny("measures", to={"mine": {"kind": "accuracy", "attack": {"kind": "mine:fgsm", "eps": 0.1}}})
    recipe["statements"], recipe["published"] = [], None
    write(tmp_path, recipe)
    asked = ("r.yaml", "--preset", "smoke", "--store", "store")
    assert cli("run", *asked, "--jobs", "1").code == 0
    (tmp_path / "mine.py").write_text(MODULE + "\nraise RuntimeError('imported')\n")
    del sys.modules["mine"]
    assert "2 results are missing" in refusal(cli("report", *asked))
    assert "importing 'mine' raised RuntimeError: imported" in refusal(cli("run", *asked, "--jobs", "1"))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("mine:nosuch", "'mine' has no 'nosuch'"),
        ("nowhere:fgsm", "nowhere"),
        ("mine:NUMBER", "not callable"),
        ("json:loads", "add --allow-code json:loads"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_trained(
    cli: Cli, tmp_path: Path, module: str, kind: str, words: str
) -> None:
    write(tmp_path, tiny("measures", "mine", to={"kind": "accuracy", "attack": {"kind": kind, "eps": 0.1}}))
    said = refusal(cli("run", "r.yaml", "--store", "store"))
    assert said.startswith("r.yaml: measures.mine.attack: ") and words in said
    assert not (tmp_path / "store/stages").exists() or not list((tmp_path / "store/stages").iterdir())


def test_options_that_do_not_fit_are_refused_before_anything_is_trained(cli: Cli, tmp_path: Path, module: str) -> None:
    write(tmp_path, tiny("networks", "weight 50%", "steps", 0, "criterion", to={"kind": "mine:Magnitude", "pow": 2}))
    said = refusal(cli("run", "r.yaml"))
    assert "networks.weight 50%.steps.0.criterion: mine:Magnitude cannot be made" in said and "'pow'" in said


def test_a_recipe_with_ones_own_is_shown_and_read_back_as_it_was(tmp_path: Path) -> None:
    attack = {"kind": "mine:fgsm", "eps": 0.1}
    path = write(tmp_path, tiny("measures", "mine", to={"kind": "accuracy", "attack": attack}))
    shown = plain(read_recipe(str(path)))
    assert shown["measures"]["mine"]["attack"] == attack
    assert "mine:fgsm" not in str(kinds())


def test_the_schema_allows_ones_own_beside_the_kinds_of_the_package() -> None:
    attack = described(Accuracy)["properties"]["attack"]
    own = [one for part in attack["anyOf"] for one in (part.get("anyOf", [part])) if "pattern" in str(one)]
    assert own and "package.module:name" in own[0]["description"]


IMAGES = stripes(train=64, test=32)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 4))


def mine(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """FGSM again, by hand."""
    leaf = x.clone().requires_grad_()
    torch.nn.functional.cross_entropy(model(leaf), y, reduction="sum").backward()
    assert leaf.grad is not None
    return (x + 0.1 * leaf.grad.sign()).clamp(0, 1)


def test_a_function_is_an_attack_of_a_measure() -> None:
    test = IMAGES.test
    ours = Accuracy(attack=FGSM(eps=0.1))(network(), test.x, test.y)
    theirs = Accuracy(attack=mine)(network(), test.x, test.y)
    assert torch.equal(ours.flags, theirs.flags)
    assert theirs.record().attack == {"kind": "mine", "eps": 1.0, "norm": "linf"}


def test_a_function_is_an_attack_to_train_with() -> None:
    model, (x, y) = network(), (IMAGES.train.x.float() / 255, IMAGES.train.y)
    found = Adversarial(attack=mine)(model, x, y).total
    by_hand = (CrossEntropy()(model, x, y).total + CrossEntropy()(model, mine(model, x, y), y).total) / 2
    assert torch.allclose(found, by_hand)


def test_an_attack_that_is_a_value_of_ones_own_is_kept_as_it_is() -> None:
    from blackthorn.values import Radius, value

    @value
    class Still(Search):
        kind: str = "still"
        eps: Radius

        def search(self, problem: object) -> Tensor:
            raise AssertionError

    held = Accuracy(attack=Still(eps=0.2))
    assert spell(held) == {"kind": "accuracy", "attack": {"kind": "still", "eps": 0.2}}


def test_a_class_in_the_place_of_an_attack_is_refused() -> None:
    with pytest.raises(ValueError, match=r"FGSM is a class; write FGSM\(\.\.\.\)"):
        parse(Accuracy, {"attack": FGSM})
