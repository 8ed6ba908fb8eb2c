"""Each check fires on the fault it is made for, and not on an honest network."""

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import FGSM, PGD
from blackthorn.measuring import sanity

ATTACK = FGSM(eps=0.03)


class Linear(nn.Module):
    """Linear in 64 pixels; a large scale changes no decision, but leaves cross-entropy without gradient."""

    def __init__(self, classes: int, scale: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, 64))
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * ((x - 0.5).flatten(1) @ self.weight.T)


def problem(model: nn.Module) -> tuple[Tensor, Tensor]:
    x = 0.1 + 0.8 * torch.rand(300, 1, 8, 8)
    return x, model(x).argmax(1)


def test_a_binary_linear_network_raises_no_doubt():
    model = Linear(2)
    x, y = problem(model)
    assert sanity(model, x, y, ATTACK) == []
    assert sanity(model, (255 * x).byte(), y, PGD(norm="l2", eps=0.15)) == []


def test_large_logits_raise_doubts_about_naive_cross_entropy():
    model = Linear(10, scale=1e4)
    x, y = problem(model)
    text = "\n".join(sanity(model, x, y, ATTACK))
    assert "zero" in text and "write loss: margin" in text


def test_probabilities_are_told_from_logits():
    model = Linear(2)
    x, y = problem(model)
    (found,) = [line for line in sanity(nn.Sequential(model, nn.Softmax(1)), x, y, ATTACK) if "probabilities" in line]
    assert "remove the softmax" in found


def test_a_random_network_is_told_from_a_fixed_one():
    class Noisy(Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x + 0.01 * torch.randn_like(x))

    model = Noisy(2)
    x, y = problem(model)
    assert any("two calls on the same images differ" in line for line in sanity(model, x, y, ATTACK))


@pytest.mark.slow
def test_a_network_that_rounds_its_input_is_doubted():
    class Rounds(Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(torch.where(x > 0.5, x.detach().round(), x.detach().round()) + 0 * x)

    model = Rounds(10)
    x, y = problem(model)
    assert any("exactly zero" in line for line in sanity(model, x, y, ATTACK))


def test_doubts_are_single_lines_and_leave_the_random_state_alone():
    model = Linear(10, scale=1e4)
    x, y = problem(model)
    state = torch.get_rng_state()
    found = sanity(model, x, y, ATTACK)
    assert found and all("\n" not in line for line in found)
    assert torch.equal(torch.get_rng_state(), state)
