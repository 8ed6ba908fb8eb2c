"""Weights that cancel: float32 sums lose what decides, and a bound that trusts them proves what is false."""

import pytest
import torch
from torch import Tensor, nn

from blackthorn.bounds import certify, crown, interval
from blackthorn.bounds.boxes import around
from blackthorn.bounds.follow import follow
from blackthorn.bounds.interval import margins
from blackthorn.bounds.propagate import propagate
from blackthorn.bounds.rounding import EXACT

HUGE = 2.0**28


def cancelling() -> nn.Sequential:
    """Logits (HUGE x0 + 4) - HUGE x1 - 8 x2 - 2 and 0: at X that is 1, but float32 loses the 4 and says -3."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    with torch.no_grad():
        model[1].weight.copy_(torch.diag(torch.tensor([HUGE, HUGE, 8.0])))
        model[1].bias.copy_(torch.tensor([4.0, 0.0, 0.0]))
        model[3].weight.copy_(torch.tensor([[1.0, -1.0, -1.0], [0.0, 0.0, 0.0]]))
        model[3].bias.copy_(torch.tensor([-2.0, 0.0]))
    return model


X = torch.tensor([[[[1.0, 1.0, 0.125]]]])
RIGHT, WRONG = torch.tensor([0]), torch.tensor([1])


def test_float32_without_slack_proves_what_is_false_and_the_bounds_do_not() -> None:
    model = cancelling().eval()
    network = follow(model, X.repeat(2, 1, 1, 1), torch.float32)
    naive = margins(network, propagate(network, around(X, 0.0, "linf", EXACT), EXACT), WRONG, EXACT)
    with torch.no_grad():
        exact = model.double()(X.double())[0]
    model.float()
    assert exact[0] - exact[1] == 1 and naive[0, 0] > 0  # class 0 is right, and class 1 "proved"
    for claim in ("exact", "rounded"):
        assert not interval(model, X, WRONG, "linf", 0.0, claim=claim)[0, 0] > 0
        for arithmetic in ("float32", "float64"):
            assert not crown(model, X, WRONG, "linf", 0.0, arithmetic=arithmetic, claim=claim)[0, 0] > 0


def test_what_is_true_of_the_exact_network_only_is_proved_of_that_only() -> None:
    model = cancelling().eval()
    with torch.no_grad():
        assert model(X).argmax() == WRONG  # as it runs
    assert interval(model, X, RIGHT, "linf", 0.0)[0, 1] > 0
    assert not interval(model, X, RIGHT, "linf", 0.0, claim="rounded")[0, 1] > 0
    assert not certify(model, X, RIGHT, eps=0.0).proved.any()  # what runs wrong is not tried


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1e10, 1e18])
def test_bounds_hold_at_any_scale(scale: float) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 16), nn.ReLU(), nn.Linear(16, 3))
    with torch.no_grad():
        model[1].weight.mul_(scale)
        model[1].bias.mul_(scale)
    x, y = torch.rand(20, 1, 3, 3), torch.arange(20) % 3
    many = (x.repeat(50, 1, 1, 1) + 0.1 * torch.randn(1000, 1, 3, 3).clamp(-1, 1)).clamp(0, 1)
    logits = model.double()(many.double()).detach()
    model.float()
    least = (logits.gather(1, y.repeat(50)[:, None]) - logits).unflatten(0, (50, 20)).amin(0)
    for arithmetic in ("float32", "float64"):
        assert (without_own(crown(model, x, y, "linf", 0.1, arithmetic=arithmetic), y) <= least).all()


def test_logits_that_overflow_prove_nothing() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    with torch.no_grad():
        model[1].weight.fill_(1e38)
        model[3].weight.fill_(1e38)
        model[3].weight[1].fill_(-1e38)
    x, y = torch.rand(2, 1, 2, 2), torch.tensor([0, 0])
    for arithmetic in ("float32", "float64"):
        assert (crown(model, x, y, "linf", 0.1, arithmetic=arithmetic, claim="rounded")[:, 1] == -torch.inf).all()
    assert (interval(model, x, y, "linf", 0.1, claim="rounded")[:, 1] == -torch.inf).all()


def without_own(found: Tensor, y: Tensor) -> Tensor:
    return found.double().scatter(1, y[:, None], 0.0)
