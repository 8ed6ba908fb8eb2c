"""Accuracy under a universal noise: true labels, the target's share, and a noise that is made beforehand."""

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import UniversalNoise
from blackthorn.errors import AttackError
from blackthorn.measuring import Accuracy, natural_flags
from blackthorn.results import to_json

NOISE = UniversalNoise(target=1, limit=0.5)


class Bright(nn.Module):
    """Says class 1 where the only pixel is brighter than 0.5, class 2 where it is brighter than 1, else class 0."""

    def forward(self, x: Tensor) -> Tensor:
        pixel = x.flatten(1)
        return torch.cat([torch.full_like(pixel, 0.5), pixel, 3 * pixel - 2], 1)


X = torch.tensor([0.0, 0.2, 0.3, 0.9, 0.9])[:, None, None, None]
Y = torch.tensor([0, 0, 1, 1, 2])


def test_accuracy_is_of_true_labels_and_success_of_images_of_other_classes() -> None:
    # With 0.25 more: 0.25, 0.45, 0.55, and 1 twice where clipped, of which class 1 has 1 and class 2 has 1: a tie, to 1
    measured = Accuracy(attack=NOISE)(Bright(), X, Y, noise=torch.full((1, 1, 1), 0.25))
    assert measured.flags.tolist() == [True, True, True, True, False] and measured.value == 0.8
    assert measured.targeted_success == pytest.approx(1 / 3)  # of classes 0, 0 and 2, the last is taken for 1


def test_without_clipping_pixels_go_beyond_1() -> None:
    free = UniversalNoise(target=1, limit=0.5, clip_eval=False)
    measured = Accuracy(attack=free)(Bright(), X, Y, noise=torch.full((1, 1, 1), 0.25))
    assert measured.flags.tolist() == [True, True, True, False, True]
    assert measured.targeted_success == 0


def test_no_noise_is_natural_accuracy() -> None:
    measured = Accuracy(attack=NOISE)(Bright(), X, Y, noise=torch.zeros(1, 1, 1))
    assert torch.equal(measured.flags, natural_flags(Bright(), X, Y))


def test_a_record_says_what_was_added_and_how_often_it_reached_its_target() -> None:
    record = to_json(Accuracy(attack=NOISE)(Bright(), X, Y, noise=torch.full((1, 1, 1), 0.25)).record())
    assert record["attack"] == {"kind": "universal_noise", "target": 1, "limit": 0.5}
    assert (record["eps"], record["norm"]) == (0.5, "linf") and record["targeted_success"] == pytest.approx(1 / 3)
    assert record["mean_linf"] == pytest.approx((0.25 * 3 + 0.1 * 2) / 5)
    assert not {"source", "warnings"} & record.keys()


def test_a_noise_that_barely_is_one_is_in_the_record() -> None:
    record = to_json(Accuracy(attack=NOISE)(Bright(), X, Y, noise=torch.full((1, 1, 1), 1e-3)).record())
    assert "barely moved" in str(record["warnings"])


def test_other_attacks_and_natural_accuracy_say_nothing_of_targets() -> None:
    assert "targeted_success" not in to_json(Accuracy()(Bright(), X, Y).record())


def test_a_noise_made_on_another_network_is_a_transfer() -> None:
    noise = torch.full((1, 1, 1), 0.25)
    record = to_json(Accuracy(attack=NOISE)(Bright(), X, Y, noise=noise, source=nn.Flatten()).record())
    assert record["source"] == "network" and isinstance(record["agreement"], float)


def test_a_function_that_is_no_network_can_be_measured_too() -> None:
    noise = torch.full((1, 1, 1), 0.25)
    network, function = (Accuracy(attack=NOISE)(m, X, Y, noise=noise) for m in (Bright(), lambda x: Bright()(x)))
    assert torch.equal(network.flags, function.flags) and network.targeted_success == function.targeted_success


@pytest.mark.parametrize(("attack", "noise"), [(NOISE, None), (None, torch.zeros(1, 1, 1))])
def test_noise_and_attack_come_together(attack: UniversalNoise | None, noise: Tensor | None) -> None:
    with pytest.raises(AttackError, match=r"made from training images before it is measured: noise = attack\(model"):
        Accuracy(attack=attack)(Bright(), X, Y, noise=noise)
