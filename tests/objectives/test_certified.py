"""The loss of the worst logits: what it is, and that its gradient is its own."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn.attacks import PGD
from blackthorn.bounds import interval
from blackthorn.bounds.interval import guiding
from blackthorn.objectives import Adversarial, CrossEntropy
from blackthorn.objectives.certified import IntervalBound


@pytest.fixture
def model() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, stride=2, padding=1),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(3, 4),
    ).eval()


@pytest.fixture
def x() -> Tensor:
    return torch.rand(5, 1, 4, 4)


Y = torch.arange(5) % 4


def test_the_bound_is_that_of_interval_without_its_slack(model: nn.Module, x: Tensor) -> None:
    found = guiding(model, x, Y, 0.05).double().detach()
    right = interval(model, x, Y, "linf", 0.05).scatter(1, Y[:, None], 0.0)
    assert torch.allclose(found, right, atol=1e-5)


def test_at_radius_0_it_is_the_clean_loss(model: nn.Module, x: Tensor) -> None:
    loss = IntervalBound(eps=0.0)(model, x, Y)
    assert loss.total.item() == pytest.approx(F.cross_entropy(model(x), Y).item(), abs=1e-5)


def test_the_bound_is_above_the_loss_under_attack(model: nn.Module, x: Tensor) -> None:
    x_adv = PGD(eps=0.1, steps=20)(model, x, Y)
    assert IntervalBound(eps=0.1, kappa=0)(model, x, Y).total > F.cross_entropy(model(x_adv), Y)


def test_the_gradient_is_that_of_finite_differences(model: nn.Module, x: Tensor) -> None:
    """In float32, as it is trained; along random directions of all weights."""
    objective = IntervalBound(eps=0.05, kappa=0.3)
    parameters = list(model.parameters())
    gradient = torch.autograd.grad(objective(model, x, Y).total, parameters)
    for _ in range(5):
        direction = [torch.randn_like(p) for p in parameters]
        right = sum((g * d).sum().item() for g, d in zip(gradient, direction))
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                for p, d in zip(parameters, direction):
                    p.add_(d, alpha=sign * 1e-3)
            ends.append(objective(model, x, Y).total.item())
            with torch.no_grad():
                for p, d in zip(parameters, direction):
                    p.sub_(d, alpha=sign * 1e-3)
        assert (ends[0] - ends[1]) / 2e-3 == pytest.approx(right, rel=0.02, abs=2e-3)


def test_it_mixes_with_any_other_loss(model: nn.Module, x: Tensor) -> None:
    on = Adversarial(attack=PGD(eps=0.1, steps=2, random_start=False))
    bound = IntervalBound(eps=0.1, kappa=0)(model, x, Y).total
    for other in (CrossEntropy(), on):
        total = IntervalBound(eps=0.1, kappa=0.25, on=other)(model, x, Y).total
        assert total.item() == pytest.approx((0.25 * other(model, x, Y).total + 0.75 * bound).item(), rel=1e-5)


def test_it_says_what_share_is_proved(model: nn.Module, x: Tensor) -> None:
    y = model(x).argmax(1)
    assert IntervalBound(eps=0.0)(model, x, y).parts["proved"] == 1
    assert IntervalBound(eps=1.0)(model, x, y).parts["proved"] == 0


def test_the_network_stays_in_train_mode(model: nn.Module, x: Tensor) -> None:
    model.train()
    IntervalBound(eps=0.1)(model, x, Y).total.backward()
    assert all(module.training for module in model.modules())
    assert all(p.grad is not None for p in model.parameters())
