import math

import pytest
import torch
import torch.nn.functional as F

from blackthorn.attacks import FGSM, PGD, ScaledGradient, craft
from blackthorn.attacks.losses import LOSSES, cross_entropy, log_odds, margin, quadratic
from blackthorn.measuring import Accuracy
from blackthorn.objectives import Adversarial
from blackthorn.stages import Train

from .networks import Linear

LOGITS = torch.tensor([[1.0, 3.0, 0.0], [2.0, 2.5, -1.0]])
LABELS = torch.tensor([0, 1])


def test_cross_entropy_by_hand() -> None:
    first = -math.log(math.e / (math.e + math.e**3 + 1))
    assert cross_entropy(LOGITS, LABELS)[0].item() == pytest.approx(first, abs=1e-6)


def test_the_margin_is_the_lead_of_the_best_other_class() -> None:
    assert margin(LOGITS, LABELS).tolist() == [2.0, -0.5]


def test_the_quadratic_is_half_the_mean_square_over_classes() -> None:
    # ((1-1)^2 + 3^2 + 0) / 6 and (2^2 + 1.5^2 + 1) / 6
    assert quadratic(LOGITS, LABELS).tolist() == pytest.approx([1.5, 7.25 / 6])


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_computed_in_float32_whatever_the_logits_are(name: str) -> None:
    assert LOSSES[name](LOGITS.bfloat16(), LABELS).dtype == torch.float32  # type: ignore[index]


def test_log_odds_by_hand() -> None:
    first = math.log(math.exp(3) + 1) - 1
    assert log_odds(LOGITS, LABELS)[0].item() == pytest.approx(first, abs=1e-6)
    assert torch.allclose(F.softplus(log_odds(LOGITS, LABELS)), cross_entropy(LOGITS, LABELS))


@pytest.mark.parametrize("lead", [1.0, 17.0, 60.0, 1e3, 1e6])
def test_the_exact_direction_never_loses_the_true_class(lead: float) -> None:
    logits = torch.tensor([[lead, 0.0, -1.0]], requires_grad=True)
    (slope,) = torch.autograd.grad(log_odds(logits, torch.tensor([0])).sum(), logits)
    assert slope[0].tolist() == pytest.approx([-1.0, 1 / (1 + math.exp(-1)), 1 / (1 + math.e)], abs=1e-6)


@pytest.mark.filterwarnings("ignore::blackthorn.attacks.AttackWarning")
@pytest.mark.parametrize("scale", [1e-3, 1.0, 100.0, 1e4])
def test_fgsm_reaches_the_closed_form_at_any_scale_where_naive_arithmetic_goes_astray(scale: float) -> None:
    # Logits 0.6 and 0.2: the lead of 0.4 falls by eps * ||w0 - w1||_1 = 3 eps, but by 2 eps along w1 = (0, 1) alone.
    weight = torch.tensor([[1.0, -1.0], [0.0, 1.0]])
    x, y = torch.tensor([[[[0.8, 0.2]]]]), torch.tensor([0])
    for eps, stands in ((0.13, True), (0.14, False)):
        crafted = craft(FGSM(eps=eps), Linear(weight, scale=scale), x, y, precision="float32")
        assert crafted.fooled.item() is not stands
    if scale == 100:
        assert not craft(FGSM(eps=0.14, arithmetic="naive"), Linear(weight, scale=scale), x, y).fooled.any()


def test_work_with_exact_cross_entropy_is_done_again_and_no_other_is() -> None:
    for attack, revision in (
        (FGSM(eps=0.1), 2),
        (FGSM(eps=0.1, arithmetic="naive"), 1),
        (FGSM(eps=0.1, loss="margin"), 1),
        (PGD(eps=0.1), 2),
        (PGD(eps=0.1, loss="quadratic"), 1),
        (ScaledGradient(eps=0.1), 2),
    ):
        assert attack.revision == Accuracy(attack=attack).revision == revision
        assert Train(epochs=1, objective=Adversarial(attack=attack)).revision == revision
    assert Accuracy().revision == Train(epochs=1).revision == 1
