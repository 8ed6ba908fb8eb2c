"""Gradient steps of a fixed longest component: the tutorial's loop, and where it stops."""

import torch
from torch import Tensor, nn

from blackthorn.attacks import ScaledGradient, craft

from .networks import Linear


def tutorial(model: nn.Module, image: Tensor, target: int, limit: float = 3 / 255, wanted: float = 0.99) -> Tensor:
    """Tutorial 11's loop for one image, as it is written there."""
    noise = torch.zeros_like(image)
    for _ in range(100):
        noisy_image = torch.clip(image + noise, 0, 1).requires_grad_()
        score = model(noisy_image).softmax(1)[0, target]
        (gradient,) = torch.autograd.grad(-score.log(), noisy_image)
        if score >= wanted:
            break
        noise = torch.clip(noise - 7 / 255 / gradient.abs().max() * gradient, -limit, limit)
    return torch.clip(image + noise, 0, 1)


def test_targeted_it_is_the_loop_of_the_tutorial(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    inside = 0.2 + 0.6 * x[:6]  # away from 0 and 1, where we clip the image and the tutorial also remembers the noise
    target = (y[:6] + 1) % 4
    found = ScaledGradient(targeted=True, eps=0.1)(trained, inside, target)
    wanted = torch.cat([tutorial(trained, image[None], int(t), 0.1) for image, t in zip(inside, target)])
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


def test_the_pixel_with_the_largest_gradient_moves_by_the_step_and_the_others_in_proportion() -> None:
    model = Linear(torch.tensor([[0.0, 0.0, 0.0, 0.0], [4.0, -2.0, 1.0, 0.0]]))
    x = torch.full((1, 1, 2, 2), 0.5)
    moved = ScaledGradient(eps=0.1, step_size=0.04, steps=1)(model, x, torch.tensor([0])) - x
    torch.testing.assert_close(moved.flatten(), torch.tensor([0.04, -0.02, 0.01, 0.0]))


def test_an_image_that_is_sure_enough_is_left_alone() -> None:
    model = Linear(torch.tensor([[0.0, 0.0, 0.0, 0.0], [9.0, 9.0, 9.0, 9.0]]))
    x = torch.stack([torch.full((1, 2, 2), 0.9), torch.full((1, 2, 2), 0.01)])  # leads of 32 and of 0.4
    moved = ScaledGradient(eps=0.1, targeted=True)(model, x, torch.tensor([1, 1])) - x
    assert moved[0].abs().max() == 0 and moved[1].abs().max() > 0


def test_craft_verifies_it_like_any_attack(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    crafted = craft(ScaledGradient(eps=0.3), trained, x, y, precision="float32")
    assert torch.equal(trained(crafted.x_adv).argmax(1) != y, crafted.fooled)
    assert crafted.robust_accuracy < 0.6
