"""What every attack promises, whatever it does."""

import copy
import dataclasses
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import AttackWarning, Ball, Problem, Search, craft
from blackthorn.attacks.search import lent

from ..attacks.networks import Linear, cnn
from .examples import ATTACKS

EVERY_ATTACK = pytest.mark.parametrize("attack", ATTACKS, ids=repr)


def still(attack: Any, **changes: Any) -> Any:
    """The same attack without a random start."""
    if hasattr(attack, "random_start"):
        changes |= {"random_start": False, "restarts": 1}
    return dataclasses.replace(attack, **changes)


@EVERY_ATTACK
def test_an_attack_returns_new_images_in_the_ball_and_in_the_pixel_range(
    attack: Any, model: nn.Module, x: Tensor, y: Tensor
) -> None:
    x_adv = attack(model, x, y)
    assert x_adv.shape == x.shape and x_adv.dtype == torch.float32 and not x_adv.requires_grad
    assert x_adv.min() >= 0 and x_adv.max() <= 1
    assert attack.ball.size(x_adv - x).max() <= attack.eps + 1e-6
    assert (x_adv != x).any()


@EVERY_ATTACK
def test_an_attack_is_options_and_a_search_and_no_more(attack: Any) -> None:
    assert isinstance(attack, Search)
    assert not {"__call__", "__post_init__", "ball"} & vars(type(attack)).keys()
    assert attack.effort >= 1 and attack.restarts >= attack.runs(classes=4) >= 1


@EVERY_ATTACK
def test_an_attack_returns_for_a_finished_image_what_it_was_finished_at(
    attack: Any, model: nn.Module, x: Tensor, y: Tensor
) -> None:
    finished: dict[int, Tensor] = {}

    def stop(logits: Tensor, x_adv: Tensor, rows: Tensor) -> Tensor:
        assert not set(rows.tolist()) & finished.keys()  # what is finished is not asked about again
        done = rows % 3 == 0
        finished.update(zip(rows[done].tolist(), x_adv[done].clone()))
        return done

    live = torch.arange(len(x)) % 4 > 0
    with lent(model, attack, x) as forward:
        problem = dataclasses.replace(Problem.of_all(forward, x, y, attack.ball), live=live, stop=stop)
        found = attack.search(problem)
    assert not set((~live).nonzero().flatten().tolist()) & finished.keys()
    assert all(torch.equal(found[row], x_adv) for row, x_adv in finished.items())


@EVERY_ATTACK
def test_an_attack_leaves_images_and_labels_as_they_were(attack: Any, model: nn.Module, x: Tensor, y: Tensor) -> None:
    images, labels = x.clone(), y.clone()
    attack(model, x.requires_grad_(), y)
    assert torch.equal(x, images) and torch.equal(y, labels) and x.grad is None


@EVERY_ATTACK
def test_an_attack_leaves_the_network_as_it_was(attack: Any, x: Tensor, y: Tensor) -> None:
    model = cnn().train()
    nn.functional.cross_entropy(model(x), y).backward()
    model[3].eval()
    model[6].weight.requires_grad_(False)
    before, gradients = copy.deepcopy(model), [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    attack(model, x, y)
    for (name, was), now in zip(before.state_dict().items(), model.state_dict().values()):
        assert torch.equal(was, now), name
    for gradient, parameter in zip(gradients, model.parameters()):
        assert gradient is not None and parameter.grad is not None and torch.equal(gradient, parameter.grad)
    assert [p.requires_grad for p in before.parameters()] == [p.requires_grad for p in model.parameters()]
    assert [m.training for m in before.modules()] == [m.training for m in model.modules()]
    assert [sorted(vars(m)) for m in before.modules()] == [sorted(vars(m)) for m in model.modules()]


@EVERY_ATTACK
def test_an_attack_on_a_batch_is_the_attack_on_each_image(attack: Any, model: nn.Module, x: Tensor, y: Tensor) -> None:
    together = still(attack)(model, x[:8], y[:8])
    apart = torch.cat([still(attack)(model, x[i : i + 1], y[i : i + 1]) for i in range(8)])
    assert torch.allclose(together, apart, atol=1e-5)


@EVERY_ATTACK
def test_an_attack_follows_a_permutation_of_the_images(attack: Any, model: nn.Module, x: Tensor, y: Tensor) -> None:
    order = torch.randperm(len(x))
    assert torch.allclose(still(attack)(model, x, y)[order], still(attack)(model, x[order], y[order]), atol=1e-5)


@EVERY_ATTACK
def test_an_attack_does_not_care_how_classes_are_numbered(attack: Any, x: Tensor, y: Tensor) -> None:
    model = cnn()  # unsure of itself: 1 - p is then exact enough for both orders of the sum in softmax
    order = torch.tensor([2, 0, 3, 1])
    renamed = copy.deepcopy(model)
    with torch.no_grad():
        renamed[6].weight.copy_(model[6].weight[order])
        renamed[6].bias.copy_(model[6].bias[order])
    assert torch.allclose(still(attack)(model, x, y), still(attack)(renamed, x, order.argsort()[y]), atol=1e-5)


@EVERY_ATTACK
def test_a_radius_for_each_image_is_that_radius_for_all(attack: Any, model: nn.Module, x: Tensor, y: Tensor) -> None:
    attack = still(attack)
    radii = torch.linspace(0, attack.eps, len(x))
    with lent(model, attack, x) as forward:
        scalar, vector, mixed = (
            attack.search(Problem.of_all(forward, x, y, Ball(attack.norm, eps)))
            for eps in (attack.eps, torch.full((len(x),), attack.eps), radii)
        )
    assert torch.allclose(scalar, vector, atol=1e-5)
    assert (attack.ball.size(mixed - x) <= radii + 1e-6).all()
    assert torch.allclose(mixed[-1], scalar[-1], atol=1e-5)


@EVERY_ATTACK
def test_a_radius_of_0_changes_nothing_and_leaves_clean_accuracy(
    attack: Any, model: nn.Module, x: Tensor, y: Tensor
) -> None:
    attack = dataclasses.replace(attack, eps=0.0)
    wrong_label = torch.where(torch.arange(len(y)) < 5, (y + 1) % 4, y)
    assert torch.equal(attack(model, x, y), x)
    assert torch.equal(craft(attack, model, x, wrong_label).fooled, model(x).argmax(1) != wrong_label)


@EVERY_ATTACK
def test_robust_accuracy_does_not_rise_with_the_radius(attack: Any, model: nn.Module, x: Tensor, y: Tensor) -> None:
    scale = 4 if attack.norm == "l2" else 1
    radii = [scale * eps for eps in (0.0, 0.05, 0.1, 0.2, 0.4)]
    attacks = [dataclasses.replace(still(attack), eps=eps) for eps in radii]
    if getattr(attack, "step_size", None) is not None:
        attacks = [dataclasses.replace(a, step_size=a.eps / 2 or 1) for a in attacks]
    rates = [craft(a, model, x, y, precision="float32").robust_accuracy for a in attacks]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < rates[0] or attack.loss == "quadratic"  # which climbs away from confidence, not to error


@EVERY_ATTACK
def test_what_craft_says_an_attack_did_is_what_it_did(attack: Any, model: nn.Module, x: Tensor, y: Tensor) -> None:
    crafted = craft(attack, model, x, y, batch_size=20)
    assert torch.equal(model(crafted.x_adv).argmax(1) != y, crafted.fooled)
    assert crafted.robust_accuracy == pytest.approx((~crafted.fooled).float().mean().item())


@EVERY_ATTACK
def test_the_same_seed_gives_the_same_images_and_no_random_start_needs_none(
    attack: Any, model: nn.Module, x: Tensor, y: Tensor
) -> None:
    runs = []
    for _ in range(2):
        torch.manual_seed(1)
        runs.append(attack(model, x, y))
    assert torch.equal(*runs)
    before = torch.get_rng_state()
    still(attack)(model, x, y)
    assert not still(attack).draws and torch.equal(torch.get_rng_state(), before)
    attack(model, x, y)
    assert attack.draws != torch.equal(torch.get_rng_state(), before)


@EVERY_ATTACK
def test_a_targeted_attack_climbs_towards_its_class(attack: Any, model: nn.Module, x: Tensor, y: Tensor) -> None:
    target = (y + 1) % 4
    x_adv = dataclasses.replace(still(attack), targeted=True)(model, x, target)
    before, after = (model(images).gather(1, target[:, None]).mean() for images in (x, x_adv))
    assert after > before


@EVERY_ATTACK
def test_an_attack_works_without_gradients_around_it(attack: Any, model: nn.Module, x: Tensor, y: Tensor) -> None:
    with torch.no_grad():
        inside = still(attack)(model, x, y)
    assert torch.equal(inside, still(attack)(model, x, y))


@EVERY_ATTACK
def test_an_attack_on_a_network_without_slope_returns_images_and_not_nan(attack: Any, x: Tensor, y: Tensor) -> None:
    flat = Linear(torch.zeros(4, 64))
    with warnings.catch_warnings(action="ignore", category=AttackWarning):
        assert torch.isfinite(attack(flat, x, y)).all()
        assert torch.isfinite(craft(attack, flat, x, y).x_adv).all()
