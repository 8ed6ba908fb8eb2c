"""Planted examples: sound attacks find them, hindered and weak ones do not, and they are where they should be."""

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import FGSM, PGD, AutoAttack, Search, Square
from blackthorn.attacks.ball import Ball
from blackthorn.channels.penultimate import penultimate
from blackthorn.measuring import PlantedExamples, Subject, plant_and_seek, sanity
from blackthorn.measuring.planting import _edge, _features, _plant

from ..attacks.masked import HalfRounds, Masked, Rounds
from ..attacks.networks import held_out, trained_cnn

EPS = 0.1
SOUND = PGD(eps=EPS, steps=40)


class Loud(Masked):
    """The same decisions, with logits a thousand times as large."""

    def forward(self, x: Tensor) -> Tensor:
        return 1000 * super().forward(x)


@pytest.fixture(scope="module")
def net() -> nn.Module:
    return trained_cnn()


@pytest.fixture(scope="module")
def x() -> Tensor:
    return held_out().x.float() / 255


@pytest.mark.parametrize(
    "attack",
    [
        SOUND,
        PGD(eps=EPS, steps=40, loss="margin"),
        PGD(norm="l2", eps=1.0, steps=40),
        PGD(eps=EPS, steps=40, targeted=True),
        AutoAttack(eps=EPS, tier="screen"),
    ],
    ids=lambda attack: f"{attack.kind}-{attack.norm}-{attack.loss}-{attack.targeted}",
)
def test_a_sound_attack_finds_what_is_planted_and_guessing_does_not(net: nn.Module, x: Tensor, attack: Search) -> None:
    made = plant_and_seek(net, x, attack, n_max=20)
    assert made.images == 20 and len(made.found) >= 18
    assert made.share >= 0.95 and made.doubts(attack) == []
    assert made.guessed.float().mean() <= 0.25


@pytest.mark.parametrize(
    ("mask", "attack"),
    [
        (Rounds, SOUND),
        (Rounds, PGD(norm="l2", eps=1.0, steps=40)),
        (HalfRounds, FGSM(eps=EPS)),
        (Loud, PGD(eps=EPS, steps=40, arithmetic="naive")),
        (Masked, PGD(eps=EPS, steps=2, step_size=EPS / 20)),
    ],
    ids=["rounds", "rounds l2", "half rounds", "large logits, naive", "too few steps"],
)
def test_a_hindered_or_weak_attack_is_doubted(net: nn.Module, x: Tensor, mask: type[Masked], attack: Search) -> None:
    made = plant_and_seek(mask(net).eval(), x, attack, n_max=12)
    assert len(made.found) >= 11 and made.share < 0.7
    (doubt,) = made.doubts(attack)
    assert f"finds {int(made.found.sum())} of {len(made.found)} adversarial examples" in doubt


def test_what_gradients_miss_behind_rounding_an_attack_without_them_finds(net: nn.Module, x: Tensor) -> None:
    assert plant_and_seek(Rounds(net).eval(), x, Square(eps=EPS, queries=1000), n_max=6).share >= 0.95


def test_the_ball_holds_a_planted_example_and_its_middle_none(net: nn.Module, x: Tensor) -> None:
    """Counted by hand: class 1 on the point that was planted, class 0 on the image and on points inside."""
    ball, image = Ball("linf", EPS), x[:1]
    torch.manual_seed(3)
    planted = _plant(net, _features(net, x), image, ball)
    assert planted is not None
    torch.manual_seed(3)
    inside = _edge(ball.scaled(0.95), image, 200)
    edge = _edge(ball, image, 16)
    with torch.no_grad():
        features = penultimate(net, x[:2])
        above = [features(images) @ planted.weight - planted.level for images in (image, inside, edge)]
        two = net(image).topk(2).values[0]
    assert (above[0] < 0).all() and (above[1] < 0).all() and (above[2] > 0).any()
    assert (edge - image).abs().max() <= EPS + 1e-6
    torch.testing.assert_close(-above[0][0], two[0] - two[1], rtol=1e-3, atol=1e-4)  # as sure as the network is


@pytest.mark.slow
def test_the_record_counts_what_was_planted_and_found(net: nn.Module, x: Tensor) -> None:
    weak = PGD(eps=EPS, steps=2, step_size=EPS / 20)
    x, y = x[:12], held_out().y[:12]
    for attack, doubted in ((SOUND, False), (weak, True)):
        (record,) = PlantedExamples(attack=attack, n_max=12).measure(Subject(net, x, y)).records
        made = plant_and_seek(net, x, attack, n_max=12)
        assert record.value == pytest.approx(made.share) and record.planted == len(made.found)  # type: ignore[attr-defined]
        assert bool(record.warnings) is doubted
        assert any("planted" in line for line in sanity(net, x, y, attack)) is doubted


def test_a_network_without_features_has_its_logits_taken_for_them(x: Tensor) -> None:
    torch.manual_seed(0)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(64, 10)).eval()
    made = plant_and_seek(linear, x, SOUND, n_max=10)
    assert len(made.found) and made.share == 1
