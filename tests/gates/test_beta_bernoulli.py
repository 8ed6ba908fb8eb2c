"""The numbers of Beta-Bernoulli gates: published anchors, distributions of torch, and extreme parameters."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from blackthorn.gates import BetaBernoulli, BetaBernoulliGate, Closing, Gate


def gate(a: Any, b: Any = 0.5413, **options: Any) -> BetaBernoulliGate:
    """A gate whose raw parameters are these, one unit for each."""
    raw_a, raw_b = torch.broadcast_tensors(torch.as_tensor(a).flatten(), torch.as_tensor(b).flatten())
    made = BetaBernoulli(**options)(len(raw_a))
    with torch.no_grad():
        made.a.copy_(raw_a)
        made.b.copy_(raw_b)
    return made


def softplus(raw: float) -> float:
    return math.log1p(math.exp(raw))


@pytest.mark.parametrize(
    ("a", "kl", "mean"), [(-1.0, 7.049953, 0.238541), (2.0, 8.965076, 0.680200), (-10.0, 0.413002, 4.540e-5)]
)
def test_divergence_and_expectation_are_those_of_the_anchors(a: float, kl: float, mean: float) -> None:
    one = gate(a, threshold=1e-9)
    assert one.kl().item() == pytest.approx(kl, abs=1e-5)
    assert one.expected().item() == pytest.approx(mean, abs=1e-6 if mean > 0.1 else 5e-9)


@pytest.mark.parametrize(("a", "b"), [(-1.0, 0.5413), (2.0, 0.5413), (0.5, 2.0), (-3.0, -1.0)])
def test_the_divergence_is_the_integral_that_it_stands_for(a: float, b: float) -> None:
    # u^(1/b) runs through the unit interval as pi does: log q(pi) - log p(pi), averaged over a fine grid of u
    u = (torch.arange(2_000_000, dtype=torch.float64) + 0.5) / 2_000_000
    alpha, beta, prior = softplus(a), softplus(b), 1e-4
    log_pi = (-torch.expm1(u.log() / beta)).log() / alpha
    q = math.log(alpha * beta) + (alpha - 1) * log_pi + (beta - 1) / beta * u.log()
    p = math.log(prior) + (prior - 1) * log_pi
    assert gate(a, b).kl().item() == pytest.approx((q - p).mean().item(), rel=1e-4)


def test_the_divergence_is_summed_over_the_units() -> None:
    assert gate([-1.0, 2.0]).kl().item() == pytest.approx(7.049953 + 8.965076, abs=1e-5)


def test_expectations_are_those_of_the_distribution() -> None:
    a, b = torch.tensor([-1.0, 0.0, 1.0, 3.0]), torch.tensor([0.5413, 2.0, -1.0, 1.0])
    torch_mean = torch.distributions.Kumaraswamy(
        torch.nn.functional.softplus(a).double(), torch.nn.functional.softplus(b).double()
    ).mean
    torch.testing.assert_close(gate(a, b).expected().double(), torch_mean, rtol=1e-6, atol=0)


def test_masks_are_concrete_draws_of_a_kumaraswamy_pi_that_the_batch_shares() -> None:
    torch.manual_seed(0)
    learnt = gate(torch.full((400,), 0.5), 1.0)
    ours = torch.stack([learnt.sample(4) for _ in range(200)]).detach()  # passes, images, units
    a, b = softplus(0.5), softplus(1.0)
    pi = torch.distributions.Kumaraswamy(torch.tensor(a), torch.tensor(b)).sample((200, 1, 400))
    drawn = torch.distributions.RelaxedBernoulli(torch.tensor(0.1), pi.expand(200, 4, 400)).sample()
    quantiles = torch.linspace(0.05, 0.95, 19)
    torch.testing.assert_close(
        ours.flatten().quantile(quantiles), drawn.flatten().quantile(quantiles), atol=0.02, rtol=0
    )
    # images of one pass meet the same pi: their masks agree more often than those of two passes
    together = (ours[:, 0] * ours[:, 1]).mean()
    assert together == pytest.approx((drawn[:, 0] * drawn[:, 1]).mean().item(), abs=0.01)
    assert together > ours.mean() ** 2 + 0.02


def test_the_mean_mask_is_near_the_expectation() -> None:
    torch.manual_seed(0)
    learnt = gate(torch.full((2000,), -1.0))
    assert torch.stack([learnt.sample(8).mean() for _ in range(50)]).mean().item() == pytest.approx(0.2385, abs=0.005)


def test_a_closed_unit_is_exactly_zero_and_an_open_one_is_soft() -> None:
    learnt = gate([-6.0, -7.5, -1.0])
    assert learnt.active().tolist() == [True, False, True]
    assert learnt.expected()[1] == 0 and 0 < learnt.expected()[0] < 0.01


def test_the_threshold_is_where_the_paper_has_it() -> None:
    assert gate([-6.90, -6.92]).active().tolist() == [True, False]


@pytest.mark.parametrize("a", [-1e4, -10.0, -9.9, 0.0, 1e2, 1e4])
@pytest.mark.parametrize("b", [-1e4, -10.0, 0.5, 49.9, 1e4])
def test_extreme_parameters_give_finite_masks_and_gradients(a: float, b: float) -> None:
    torch.manual_seed(0)
    learnt = gate(torch.full((64,), a), b)
    for mask in (learnt.sample(256), learnt.expected()):
        assert torch.isfinite(mask).all() and (mask >= 0).all() and (mask <= 1).all()
        learnt.zero_grad()
        (mask.sum() + learnt.kl()).backward()
        assert torch.isfinite(learnt.a.grad).all() and torch.isfinite(learnt.b.grad).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("u", [0.0, 1 - 2.0**-24])
def test_the_ends_of_torchs_uniform_numbers_give_finite_gradients(u: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand_like", lambda tensor: torch.full_like(tensor, u))
    monkeypatch.setattr(torch, "rand", lambda *size, **_: torch.full(size, u))
    learnt = gate([-1.0, -8.0, 2.0])
    mask = learnt.sample(2)
    mask.sum().backward()
    assert torch.isfinite(mask).all() and torch.isfinite(learnt.a.grad).all()  # type: ignore[arg-type]


def test_gradients_of_masks_are_those_of_finite_differences() -> None:
    learnt = gate([-1.0, 0.5], [0.5413, 1.0]).double()

    def mean_mask(a: Tensor, b: Tensor) -> Tensor:
        torch.manual_seed(3)
        learnt.a.data, learnt.b.data = a.detach(), b.detach()
        return torch.func.functional_call(learnt, {"a": a, "b": b}, (6,))

    learnt.forward = learnt.sample  # type: ignore[method-assign,assignment]  # what functional_call calls
    inputs = [learnt.a.detach().clone().requires_grad_(), learnt.b.detach().clone().requires_grad_()]
    assert torch.autograd.gradcheck(mean_mask, inputs, eps=1e-7, atol=1e-4)


def test_how_far_a_unit_is_from_closing_is_found() -> None:
    learnt = gate([-1.0, -6.5, -7.5, 3.0])
    away = learnt.to_close()
    assert away[2] == 0 and away[1] < away[0] < away[3]
    moved = gate(learnt.a.double() - away * 1.001, learnt.b.double() + away * 1.001)
    assert not moved.active().any()
    short = gate(learnt.a.double() - away * 0.999, learnt.b.double() + away * 0.999)
    assert short.active().tolist() == [True, True, False, True]


def test_it_is_a_gate_and_asks_for_its_own_rate_without_decay() -> None:
    learnt = BetaBernoulli(lr=0.03)(5)
    assert isinstance(learnt, nn.Module) and isinstance(learnt, Gate) and isinstance(learnt, Closing)
    (group,) = learnt.parameter_groups()
    assert (group.name, group.lr, group.weight_decay) == ("gates", 0.03, 0.0)
    assert [tuple(p.shape) for p in group.parameters] == [(5,), (5,)]
