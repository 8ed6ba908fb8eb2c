"""What an attack refuses to be called on: images and labels that would make its outcome mean nothing."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import FGSM, PGD, craft
from blackthorn.errors import AttackError
from blackthorn.types import Attack


def crafted(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return craft(FGSM(eps=0.1), model, x, y).x_adv


ATTACKS = pytest.mark.parametrize(
    "attack", [FGSM(eps=0.1), PGD(eps=0.1, steps=2), crafted], ids=["fgsm", "pgd", "craft"]
)


@ATTACKS
@pytest.mark.parametrize("spoil", [lambda x: x * 255, lambda x: x - 0.5, lambda x: x * torch.nan])
def test_pixels_outside_0_to_1_are_refused(
    attack: Attack, trained: nn.Module, x: Tensor, y: Tensor, spoil: Callable[[Tensor], Tensor]
) -> None:
    with pytest.raises(AttackError, match=r"must be in \[0, 1\]: divide by 255"):
        attack(trained, spoil(x), y)


@ATTACKS
@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (lambda y: y[:-1], "96 images with 95 labels; give one label for each image"),
        (lambda y: y[:, None], r"96 images with labels of shape \(96, 1\)"),
        (lambda y: nn.functional.one_hot(y), r"96 images with labels of shape \(96, 4\)"),
    ],
)
def test_labels_of_another_shape_are_refused(
    attack: Attack, trained: nn.Module, x: Tensor, y: Tensor, labels: Callable[[Tensor], Tensor], complaint: str
) -> None:
    with pytest.raises(AttackError, match=complaint):
        attack(trained, x, labels(y))


@ATTACKS
def test_no_images_are_refused(attack: Attack, trained: nn.Module, x: Tensor, y: Tensor) -> None:
    with pytest.raises(AttackError, match="0 images with 0 labels"):
        attack(trained, x[:0], y[:0])


@ATTACKS
def test_stored_images_are_taken_as_they_are(attack: Attack, trained: nn.Module, x: Tensor, y: Tensor) -> None:
    x_adv = attack(trained, (x * 255).round().to(torch.uint8), y)
    assert x_adv.dtype == torch.float32
    assert (x_adv - x).abs().max() <= 0.1 + 1e-6


@pytest.mark.parametrize("shift", [1, -1])
def test_craft_refuses_labels_that_the_network_has_no_logit_for(
    trained: nn.Module, x: Tensor, y: Tensor, shift: int
) -> None:
    with pytest.raises(AttackError, match=r"labels lie in \[(1, 4|-1, 2)\], but the network has 4 logits"):
        craft(FGSM(eps=0.1), trained, x, y + shift)
