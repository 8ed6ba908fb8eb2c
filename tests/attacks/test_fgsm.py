import torch
from torch import Tensor, nn

from blackthorn.attacks import FGSM

from ..reference import attacks as reference
from .networks import Linear

WEIGHT = torch.tensor([[1.0, -2.0, 0.0], [0.0, 1.0, 0.0]])  # the gradient of class 0 minus class 1 is (1, -3, 0)


def test_fgsm_moves_each_pixel_by_eps_against_the_label_and_clips() -> None:
    x = torch.tensor([[[[0.5, 0.9, 0.5]]], [[[0.05, 0.5, 0.5]]]])
    x_adv = FGSM(eps=0.2)(Linear(WEIGHT), x, torch.tensor([0, 0]))
    # leaving class 0 means down pixel 0 and up pixel 1, until the pixel range ends; no class looks at pixel 2
    assert torch.allclose(x_adv, torch.tensor([[[[0.3, 1.0, 0.5]]], [[[0.0, 0.7, 0.5]]]]))


def test_targeted_fgsm_moves_towards_the_class_asked_for() -> None:
    x = torch.full((1, 1, 1, 3), 0.5)
    x_adv = FGSM(eps=0.2, targeted=True)(Linear(WEIGHT), x, torch.tensor([0]))
    assert torch.allclose(x_adv, torch.tensor([[[[0.7, 0.3, 0.5]]]]))


def test_fgsm_equals_the_slow_version_on_a_network(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    assert torch.allclose(FGSM(eps=0.1)(trained, x, y), reference.fgsm(trained, x, y, 0.1), atol=1e-6)
