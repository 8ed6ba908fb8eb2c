"""Auditing a module that a program holds: the same numbers as measuring by hand, kept under what the module is."""

import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import blackthorn as bt
from blackthorn.attacks import AttackWarning, AutoAttack
from blackthorn.errors import BlackthornError
from blackthorn.measuring import Accuracy
from blackthorn.models.identity import identity
from blackthorn.results import AccuracyRecord

pytestmark = pytest.mark.slow


class Scaled(nn.Module):
    """A network with a number beside its weights."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.fc, self.scale = nn.Linear(64, 3), scale

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * self.fc(x.flatten(1))


@pytest.fixture
def images() -> tuple[Tensor, Tensor]:
    splits = bt.data.stripes(test=40, classes=3)
    return splits.test.x, splits.test.y


def test_the_numbers_are_those_of_measuring_by_hand(tmp_path: Path, images: tuple[Tensor, Tensor]) -> None:
    model = Scaled(2.0)
    told = bt.audit(model, images, eps=0.1, store=tmp_path)
    attack = AutoAttack(eps=0.05, tier="screen")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AttackWarning)
        by_hand = Accuracy(attack=attack, precision="float32")(model, *images)
    held = told.finished.grid.of(AccuracyRecord)
    assert held["Scaled", "natural"][0].record.value == Accuracy()(model, *images).value
    assert held["Scaled", "screen 0.05"][0].record.value == by_hand.value
    assert told.verdict and Path(told.index).is_file() and model.training


def test_a_second_audit_repeats_nothing_and_another_module_is_another_network(
    tmp_path: Path, images: tuple[Tensor, Tensor]
) -> None:
    model = Scaled(2.0)
    events: list[str] = []

    def again(model: nn.Module) -> list[str]:
        events.clear()
        bt.audit(model, images, eps=0.1, store=tmp_path, listen=lambda event: events.append(event.what))
        return [what for what in events if what == "finished"]

    assert again(model) and not again(model)
    with torch.no_grad():
        model.fc.bias += 1
    assert again(model)
    model.scale = 3.0
    assert again(model)


def test_what_a_module_is_has_its_weights_its_options_and_its_code() -> None:
    torch.manual_seed(0)
    one = Scaled(1.0)
    same = Scaled(1.0)
    same.load_state_dict(one.state_dict())
    assert identity(one) == identity(same) == identity(same.eval())
    same.scale = 2.0
    assert identity(one) != identity(same)
    assert identity(nn.Sequential(nn.ReLU())) != identity(nn.Sequential(nn.Tanh()))


def test_two_modules_are_compared(tmp_path: Path, images: tuple[Tensor, Tensor]) -> None:
    told = bt.audit(Scaled(1.0), images, against=nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), eps=0.1, store=tmp_path)
    assert [row.name for row in told.finished.grid.rows] == ["Scaled", "Sequential"]
    assert [one["statement"] for one in told.to_json()["comparisons"]] == [
        "Scaled is as accurate as Sequential",
        "Scaled is as hard to fool as Sequential",
    ]


def test_labels_beyond_the_logits_and_images_without_labels_are_refused(
    tmp_path: Path, images: tuple[Tensor, Tensor]
) -> None:
    x, y = images
    with pytest.raises(BlackthornError, match=r"must return logits of shape \(2, 9\)"):
        bt.audit(Scaled(1.0), (x, y + 6), store=tmp_path)
    with pytest.raises(BlackthornError, match="one for each image"):
        bt.audit(Scaled(1.0), (x, y[:3]), store=tmp_path)
    with pytest.raises(BlackthornError, match="no images"):
        bt.audit(Scaled(1.0), (x[:0], y[:0]), store=tmp_path)
