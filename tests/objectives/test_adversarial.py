import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn.attacks import FGSM, PGD
from blackthorn.objectives import Adversarial, CrossEntropy, LinearQuadratic, truncated_gaussian
from blackthorn.values import ValidationError

from ..reference import attacks as reference


def by_hand(model: nn.Module, x: Tensor, y: Tensor, clean: float, adversarial: float) -> Tensor:
    """Attack in eval mode; both losses in train mode, each pass with its own batch statistics."""
    model.eval()
    x_adv = reference.fgsm(model, x, y, 0.1)
    model.train()
    return clean * F.cross_entropy(model(x), y) + adversarial * F.cross_entropy(model(x_adv), y)


@pytest.mark.parametrize("weights", [(0.5, 0.5), (1 / 3, 2 / 3), (0.0, 1.0), (1.0, 0.0)])
def test_the_total_is_the_weighted_sum_of_clean_and_adversarial_loss(
    model: nn.Module, x: Tensor, y: Tensor, weights: tuple[float, float]
) -> None:
    expected = by_hand(copy.deepcopy(model), x, y, *weights)
    total = Adversarial(attack=FGSM(eps=0.1), clean_weight=weights[0], adv_weight=weights[1])(model, x, y).total
    assert total.item() == pytest.approx(expected.item(), abs=1e-6)


def test_its_gradient_is_that_of_the_weighted_sum_with_the_attacked_images_held_still(
    model: nn.Module, x: Tensor, y: Tensor
) -> None:
    other = copy.deepcopy(model)
    by_hand(other, x, y, 0.5, 0.5).backward()
    Adversarial(attack=FGSM(eps=0.1))(model, x, y).total.backward()
    for (name, p), q in zip(model.named_parameters(), other.parameters()):
        assert p.grad is not None and q.grad is not None
        assert torch.allclose(p.grad, q.grad, atol=1e-5), name


def test_parts_name_the_clean_and_the_adversarial_share(model: nn.Module, x: Tensor, y: Tensor) -> None:
    loss = Adversarial(attack=FGSM(eps=0.1))(model, x, y)
    assert set(loss.parts) == {"loss", "accuracy", "adversarial_loss", "adversarial_accuracy"}
    assert loss.total.item() == pytest.approx(0.5 * (loss.parts["loss"] + loss.parts["adversarial_loss"]).item())


def test_without_clean_images_accuracy_is_the_adversarial_one(model: nn.Module, x: Tensor, y: Tensor) -> None:
    parts = Adversarial(attack=FGSM(eps=0.1), clean_weight=0, adv_weight=1)(model, x, y).parts
    assert parts["accuracy"] == parts["adversarial_accuracy"] and "loss" not in parts


def passes(model: nn.Module) -> int:
    norm = next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    assert norm.num_batches_tracked is not None
    return int(norm.num_batches_tracked)


@pytest.mark.parametrize(("clean", "adversarial", "expected"), [(0.5, 0.5, 2), (0, 1, 1), (1, 0, 1)])
def test_only_passes_that_are_trained_on_enter_the_norms_statistics(
    model: nn.Module, x: Tensor, y: Tensor, clean: float, adversarial: float, expected: int
) -> None:
    attack = PGD(eps=0.1, steps=3)
    Adversarial(attack=attack, clean_weight=clean, adv_weight=adversarial, label="predicted")(model, x, y)
    assert passes(model) == expected


def test_an_adversarial_weight_of_0_is_training_on_clean_images_to_the_bit(
    model: nn.Module, x: Tensor, y: Tensor
) -> None:
    other, before = copy.deepcopy(model), torch.get_rng_state()
    total = Adversarial(attack=PGD(eps=0.1, steps=2), clean_weight=1, adv_weight=0)(model, x, y).total
    assert torch.equal(total, CrossEntropy()(other, x, y).total)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_attack_sees_eval_mode_and_the_update_train_mode(x: Tensor, y: Tensor) -> None:
    seen: list[tuple[bool, bool]] = []

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(64, 4)

        def forward(self, x: Tensor) -> Tensor:
            seen.append((self.training, self.linear.weight.requires_grad))
            out: Tensor = self.linear(x.flatten(1))
            return out

    model = Watching().train()
    Adversarial(attack=PGD(eps=0.1, steps=3))(model, x, y)
    assert seen == [(False, False)] * 3 + [(True, True)] * 2
    assert model.training


def test_dropout_is_off_in_the_attack_and_on_in_the_update(x: Tensor, y: Tensor) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 4)).train()
    objective = Adversarial(attack=FGSM(eps=0.1))
    assert torch.equal(objective.perturb(model, x, y), objective.perturb(model, x, y))
    assert objective(model, x, y).total.item() != objective(model, x, y).total.item()


def test_the_predicted_label_is_attacked_and_the_true_one_is_learnt(model: nn.Module, x: Tensor, y: Tensor) -> None:
    wrong = (copy.deepcopy(model).eval()(x).argmax(1) + 1) % 4
    predicted = Adversarial(attack=FGSM(eps=0.1), label="predicted")
    x_adv = predicted.perturb(model, x, wrong)
    clean = model.eval()(x)
    assert torch.allclose(x_adv, reference.fgsm(model, x, clean.argmax(1), 0.1))
    loss = predicted(model, x, wrong)
    assert loss.parts["accuracy"] == 0
    assert loss.parts["adversarial_loss"].item() == pytest.approx(F.cross_entropy(model(x_adv), wrong).item())


def test_the_loss_that_is_minimised_may_be_another_than_the_attacks(model: nn.Module, x: Tensor, y: Tensor) -> None:
    objective = Adversarial(attack=FGSM(eps=0.1), on=LinearQuadratic(), clean_weight=0, adv_weight=2)
    other = copy.deepcopy(model)
    x_adv = objective.perturb(other, x, y)
    assert objective(model, x, y).total.item() == pytest.approx(2 * LinearQuadratic()(other, x_adv, y).total.item())


def test_sampled_radii_bound_each_image_by_its_own(model: nn.Module, x: Tensor, y: Tensor) -> None:
    objective = Adversarial(attack=FGSM(eps=0.3), eps_sampling="truncated_gaussian")
    grey = 0.5 + 0 * x  # far from 0 and 1, so that nothing is clipped
    torch.manual_seed(4)
    moved = (objective.perturb(model, grey, y) - grey).flatten(1).abs().amax(1)
    torch.manual_seed(4)
    assert torch.allclose(moved, truncated_gaussian(0.3, len(x)), atol=1e-6)


def test_the_truncated_gaussian_has_its_mean_and_bounds() -> None:
    radii = truncated_gaussian(0.3, 400_000)
    assert radii.min() >= 0 and radii.max() <= 0.3 + 1e-7
    assert radii.mean().item() == pytest.approx(0.1084, abs=0.0005)  # deviation of the mean: 0.0001
    # of |N(0, 0.15)| cut off at 0.3, erf(1/sqrt 2) / erf(sqrt 2) = 71.5 % lie within one deviation
    assert (radii < 0.15).float().mean().item() == pytest.approx(0.7152, abs=0.003)


def test_a_largest_radius_of_0_draws_zeros() -> None:
    assert not truncated_gaussian(0.0, 10).any()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"clean_weight": 0, "adv_weight": 0}, "both 0"),
        ({"clean_weight": -1}, "greater than or equal to 0"),
        ({"attack": FGSM(eps=0.1, targeted=True)}, "leaves the true label: remove targeted"),
    ],
)
def test_options_that_cannot_mean_anything_are_refused(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Adversarial(**{"attack": FGSM(eps=0.1), **options})
