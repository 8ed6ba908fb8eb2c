import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn.objectives import CrossEntropy, Trades, trades
from blackthorn.objectives.trades import divergence
from blackthorn.values import ValidationError


def by_hand(model: nn.Module, x: Tensor, y: Tensor, eps: float, step: float, steps: int, beta: float) -> Tensor:
    """The authors' loop: eval mode, a Gaussian start, `KLDivLoss`, sign steps and two clamps; then train mode."""
    kl = nn.KLDivLoss(reduction="sum")
    model.eval()
    x_adv = x + trades._START * torch.randn(x.shape)
    for _ in range(steps):
        x_adv = x_adv.detach().requires_grad_()
        kl(F.log_softmax(model(x_adv), 1), F.softmax(model(x), 1).detach()).backward(inputs=[x_adv])
        assert x_adv.grad is not None
        x_adv = x_adv.detach() + step * x_adv.grad.sign()
        x_adv = torch.min(torch.max(x_adv, x - eps), x + eps).clamp(0, 1)
    model.train()
    logits = model(x)
    robust = kl(F.log_softmax(model(x_adv), 1), F.softmax(logits, 1)) / len(x)
    return F.cross_entropy(logits, y) + beta * robust


@pytest.mark.parametrize(("steps", "beta"), [(1, 6.0), (4, 1.0), (4, 0.0)])
def test_loss_and_gradient_are_those_of_the_authors_loop(
    model: nn.Module, x: Tensor, y: Tensor, steps: int, beta: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As near to the image as the authors begin, gradients are nearly 0, and rounding decides their signs.
    assert trades._START == 0.001
    monkeypatch.setattr(trades, "_START", 0.05)
    other = copy.deepcopy(model)
    torch.manual_seed(3)
    expected = by_hand(other, x, y, 0.1, 0.04, steps, beta)
    torch.manual_seed(3)
    loss = Trades(eps=0.1, step_size=0.04, steps=steps, beta=beta)(model, x, y)
    assert loss.total.item() == pytest.approx(expected.item(), rel=1e-5)
    expected.backward()
    loss.total.backward()
    for (name, p), q in zip(model.named_parameters(), other.parameters()):
        assert p.grad is not None and q.grad is not None
        assert torch.allclose(p.grad, q.grad, atol=1e-5), name


def test_the_divergence_is_0_at_the_same_logits_and_above_it_elsewhere() -> None:
    torch.manual_seed(0)
    logits, others = torch.randn(50, 5) * 4, torch.randn(50, 5) * 4
    assert divergence(logits, logits).abs().max() == 0
    assert divergence(logits, others).min() > 0
    p, q = logits.softmax(1).double(), others.softmax(1).double()
    assert torch.allclose(divergence(logits, others).double(), (p * (p / q).log()).sum(1), rtol=1e-4)


def test_a_radius_of_0_leaves_cross_entropy(model: nn.Module, x: Tensor, y: Tensor) -> None:
    other = copy.deepcopy(model)
    loss = Trades(eps=0.0, step_size=0.01)(model, x, y)
    assert loss.parts["divergence"].item() == pytest.approx(0, abs=1e-6)
    assert loss.total.item() == pytest.approx(CrossEntropy()(other, x, y).total.item(), abs=1e-5)


def test_images_stay_in_the_ball_and_move_the_prediction_more_than_noise(model: nn.Module, x: Tensor) -> None:
    x_adv = Trades(eps=0.05, steps=5).perturb(model, x)
    assert (x_adv - x).abs().max() <= 0.05 + 1e-6 and x_adv.min() >= 0 and x_adv.max() <= 1
    model.eval()
    noise = (x + 0.05 * torch.randn_like(x).sign()).clamp(0, 1)
    assert divergence(model(x), model(x_adv)).mean() > 2 * divergence(model(x), model(noise)).mean()


def test_a_radius_in_units_of_0_to_255_is_refused() -> None:
    with pytest.raises(ValidationError, match="write 8/255"):
        Trades(eps=8)
    assert Trades(eps=0.1).passes > CrossEntropy().passes
