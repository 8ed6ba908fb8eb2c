"""Robust accuracy of linear networks has a closed form: an image stands while every boundary is farther than eps.

The distance to class k is (z_y - z_k) / ||w_y - w_k||_q, where q is dual to the norm of the ball: 1 for linf, 2 for
l2. Pixels lie in [0.1, 0.9] and perturbations are smaller than 0.1 in each, so that [0, 1] plays no part.
"""

import pytest
import torch
from torch import Tensor

from blackthorn.attacks import FGSM, PGD, AttackWarning, craft
from blackthorn.attacks.ball import Norm

from .networks import Linear

BALLS: list[tuple[Norm, float]] = [("linf", 0.03), ("l2", 0.15)]
CRAFTS: list[FGSM | PGD] = [
    FGSM(eps=0.03),
    FGSM(eps=0.03, loss="margin"),
    FGSM(eps=0.03, loss="quadratic"),
    PGD(eps=0.03),
    PGD(eps=0.03, loss="margin", restarts=3),
    PGD(eps=0.03, loss="quadratic", random_start=False),
    PGD(norm="l2", eps=0.15),
    PGD(norm="l2", eps=0.15, loss="margin", restarts=3),
]


def problem(classes: int, images: int) -> tuple[Linear, Tensor, Tensor]:
    """A linear network on 64 pixels, and images of which it gets one in twenty wrong."""
    generator = torch.Generator().manual_seed(7)
    weight = torch.randn(classes, 64, generator=generator)
    x = 0.1 + 0.8 * torch.rand(images, 1, 8, 8, generator=generator)
    bias = -(weight @ x.flatten(1).mean(0))  # every class about equally often
    model = Linear(weight, bias)
    y = model(x).argmax(1)
    y[::20] = (y[::20] + 1) % classes
    return model, x, y


def standing(model: Linear, x: Tensor, y: Tensor, norm: Norm, eps: float) -> Tensor:
    """The closed form, in float64: which images no perturbation of size eps can change."""
    weight, bias = model.weight.detach().double(), model.bias.detach().double()
    logits = x.flatten(1).double() @ weight.T + bias
    gap = logits.gather(1, y[:, None]) - logits
    slope = weight[y][:, None] - weight
    distance = gap / slope.norm(p=1 if norm == "linf" else 2, dim=2)
    distance[torch.arange(len(x)), y] = torch.inf
    return distance.amin(1) > eps


@pytest.mark.parametrize("attack", [FGSM(eps=0.03), PGD(eps=0.03), PGD(eps=0.03, steps=2, step_size=0.03)], ids=repr)
def test_two_classes_stand_exactly_where_the_margin_exceeds_eps_times_the_l1_norm(attack: FGSM | PGD) -> None:
    model, x, y = problem(classes=2, images=1000)
    assert torch.equal(~craft(attack, model, x, y).fooled, standing(model, x, y, "linf", 0.03))


@pytest.mark.parametrize(("norm", "eps"), BALLS)
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_the_margin_is_exact_on_ten_classes_whatever_the_scale_of_the_logits(
    norm: Norm, eps: float, scale: float
) -> None:
    model, x, y = problem(classes=10, images=512)
    attack = PGD(norm=norm, eps=eps, loss="margin", random_start=False)
    scaled = Linear(model.weight.detach(), model.bias.detach(), scale=scale)
    assert torch.equal(~craft(attack, scaled, x, y).fooled, standing(model, x, y, norm, eps))


@pytest.mark.parametrize(("norm", "eps"), BALLS)
def test_the_margin_is_exact_with_every_default(norm: Norm, eps: float) -> None:
    model, x, y = problem(classes=10, images=512)
    crafted = craft(PGD(norm=norm, eps=eps, loss="margin"), model, x, y)
    assert torch.equal(~crafted.fooled, standing(model, x, y, norm, eps))


@pytest.mark.parametrize(("norm", "eps"), BALLS)
def test_cross_entropy_overestimates_on_ten_classes(norm: Norm, eps: float) -> None:
    model, x, y = problem(classes=10, images=512)
    truth = standing(model, x, y, norm, eps).float().mean().item()
    by_ce = craft(PGD(norm=norm, eps=eps, random_start=False), model, x, y).robust_accuracy
    assert truth + 0.002 < by_ce < truth + 0.05


@pytest.mark.parametrize("attack", CRAFTS, ids=repr)
def test_no_attack_fools_an_image_that_cannot_be_fooled(attack: FGSM | PGD) -> None:
    model, x, y = problem(classes=10, images=512)
    assert not (craft(attack, model, x, y).fooled & standing(model, x, y, attack.norm, attack.eps)).any()


def test_naive_cross_entropy_is_warned_of_when_logits_saturate() -> None:
    model, x, y = problem(classes=10, images=64)
    scaled = Linear(model.weight.detach(), model.bias.detach(), scale=1e4)
    with pytest.warns(AttackWarning) as caught:
        crafted = craft(PGD(eps=0.03, arithmetic="naive"), scaled, x, y, precision="float32")
    assert [str(warning.message) for warning in caught] == list(crafted.warnings)
    zero, saturated = crafted.warnings
    assert "exactly zero 9" in zero and 'use loss="margin"' in zero
    assert "saturate softmax for 100.0% of the images" in saturated
    assert crafted.robust_accuracy > standing(model, x, y, "linf", 0.03).float().mean() + 0.1
