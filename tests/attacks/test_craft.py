"""The engine: what it computes equals the slow version, what it claims is verified, what it is given is checked."""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import FGSM, PGD, AttackWarning, Crafted, Precision, ScaledGradient, craft
from blackthorn.attacks.ball import Norm
from blackthorn.errors import AttackError, ModelError
from blackthorn.models import wang_cnn

from ..reference import attacks as reference
from .networks import Linear, cnn, trained_cnn


def misread(model: nn.Module, x: Tensor, y: Tensor, batch_size: int) -> Tensor:
    with torch.no_grad():
        return torch.cat([model(part) for part in x.split(batch_size)]).argmax(1) != y


def robust(attack: FGSM | PGD, model: nn.Module, x: Tensor, y: Tensor) -> float:
    torch.manual_seed(5)
    return craft(attack, model, x, y, precision="float32").robust_accuracy


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.17), ("l2", 1.0)])
def test_each_image_stops_at_the_first_iterate_that_fools_it(
    trained: nn.Module, x: Tensor, y: Tensor, norm: Norm, eps: float
) -> None:
    slow, fooled = reference.first_fooling(trained, x, y, eps=eps, step=eps / 4, steps=10, norm=norm)
    attack = PGD(norm=norm, eps=eps, steps=10, random_start=False)
    crafted = craft(attack, trained, x, y, precision="float32", batch_size=40)
    assert 0.1 < fooled.float().mean() < 0.9
    assert torch.equal(crafted.fooled, fooled)
    assert torch.allclose(crafted.x_adv, slow, atol=1e-5)


def test_fgsm_crafted_equals_fgsm_called_on_every_image_that_was_right(
    trained: nn.Module, x: Tensor, y: Tensor
) -> None:
    y = y.clone()
    y[::10] = (y[::10] + 1) % 4
    crafted = craft(FGSM(eps=0.1), trained, x, y, precision="float32")
    wrong = misread(trained, x, y, 96)
    assert torch.equal(crafted.x_adv[wrong], x[wrong])
    assert torch.allclose(crafted.x_adv[~wrong], reference.fgsm(trained, x, y, 0.1)[~wrong], atol=1e-6)


@pytest.mark.parametrize("precision", ["auto", "float32", "bf16"])
@pytest.mark.parametrize("attack", [PGD(eps=0.17, steps=10), PGD(norm="l2", eps=1, loss="margin"), FGSM(eps=0.2)])
def test_every_verdict_holds_in_float32_at_another_batch_size(
    trained: nn.Module, x: Tensor, y: Tensor, attack: FGSM | PGD, precision: Precision
) -> None:
    crafted = craft(attack, trained, x, y, precision=precision, batch_size=64)
    assert crafted.fooled.any() and crafted.x_adv.dtype == torch.float32
    assert torch.equal(misread(trained, crafted.x_adv, y, 7), crafted.fooled)
    assert torch.equal(misread(trained, crafted.x_adv, y, 1), crafted.fooled)


def test_bf16_finds_about_what_float32_finds(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    attack = PGD(eps=0.17, steps=20, random_start=False)
    rates = [craft(attack, trained, x, y, precision=p).robust_accuracy for p in ("float32", "bf16")]
    assert abs(rates[0] - rates[1]) <= 2 / 96


def test_verdicts_are_in_float32_even_inside_a_callers_autocast() -> None:
    # bf16 rounds 1.001 to 1, and a tie goes to class 0
    model = Linear(torch.zeros(2, 1), torch.tensor([1.0, 1.001]))
    with torch.autocast("cpu", torch.bfloat16), warnings.catch_warnings(action="ignore", category=AttackWarning):
        crafted = craft(PGD(eps=0.1, steps=2), model, torch.rand(3, 1, 1, 1), torch.tensor([1, 1, 0]))
    assert crafted.fooled.tolist() == [False, False, True]


def test_craft_works_on_stored_uint8_images(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    attack = PGD(eps=0.17, steps=5, random_start=False)
    stored = (x * 255).round().to(torch.uint8)
    by_bytes = craft(attack, trained, stored, y, precision="float32")
    assert torch.equal(by_bytes.x_adv, craft(attack, trained, x, y, precision="float32").x_adv)
    assert stored.dtype == torch.uint8


def test_robust_accuracy_never_rises_with_the_radius(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    rates = [robust(PGD(eps=eps, steps=10), trained, x, y) for eps in (0.0, 0.05, 0.1, 0.15, 0.2, 0.4)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.05 < 0.9 < rates[0]


def test_more_restarts_never_raise_robust_accuracy(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    attacks = [PGD(eps=0.17, steps=4, restarts=n) for n in (1, 2, 4)]
    rates = [robust(attack, trained, x, y) for attack in attacks]
    assert rates == sorted(rates, reverse=True)


def test_more_steps_never_raise_robust_accuracy(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    attacks = [PGD(eps=0.17, steps=n, step_size=0.085, random_start=False) for n in (4, 8, 16)]
    rates = [robust(attack, trained, x, y) for attack in attacks]
    assert rates == sorted(rates, reverse=True)


def test_success_of_a_targeted_attack_rises_with_the_radius(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    target = (y + 1) % 4
    attacks = [PGD(eps=eps, steps=10, targeted=True) for eps in (0.0, 0.1, 0.5)]
    reached = [1 - robust(attack, trained, x, target) for attack in attacks]
    assert reached == sorted(reached) and reached[0] < 0.05 and reached[-1] > 0.5
    crafted = craft(attacks[-1], trained, x, target)
    assert torch.equal(~misread(trained, crafted.x_adv, target, 7), crafted.fooled)


def test_images_that_are_wrong_already_are_left_alone_and_count_as_fooled(
    trained: nn.Module, x: Tensor, y: Tensor
) -> None:
    crafted = craft(PGD(eps=0.1, steps=4), trained, x, (y + 1) % 4)
    wrong = misread(trained, x, (y + 1) % 4, 96)
    assert wrong.float().mean() > 0.9 and crafted.fooled[wrong].all()
    assert torch.equal(crafted.x_adv[wrong], x[wrong])


def test_a_network_nothing_can_be_learnt_from_is_warned_of_and_stands(x: Tensor) -> None:
    y = torch.zeros(len(x), dtype=torch.long)
    constant = Linear(torch.zeros(4, 64), torch.tensor([1.0, 0.0, 0.0, 0.0]))
    with pytest.warns(AttackWarning, match="nothing to follow"):
        crafted = craft(PGD(eps=0.1, steps=4), constant, x, y)
    assert crafted.robust_accuracy == 1.0 and "exactly zero" in crafted.warnings[0]


def test_a_step_that_cannot_cross_the_ball_is_warned_of_once_for_all_batches(
    trained: nn.Module, x: Tensor, y: Tensor
) -> None:
    with pytest.warns(AttackWarning, match="cannot cross a ball") as caught:
        crafted = craft(PGD(eps=0.3, steps=20, step_size=0.01), trained, x, y, batch_size=20)
    assert len(caught) == len(crafted.warnings) == 1


def test_progress_counts_images(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    seen: list[tuple[str, int, int]] = []
    craft(FGSM(eps=0.1), trained, x, y, batch_size=40, progress=lambda *report: seen.append(report))
    assert seen == [("attack", 40, 96), ("attack", 80, 96), ("attack", 96, 96)]


# --- several attacks in a row -----------------------------------------------------------------------------------------


def test_attacks_in_a_row_share_what_is_left(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    y = y.clone()
    y[::12] = (y[::12] + 1) % 4  # wrong from the start
    asked: list[int] = []

    def nothing(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        asked.append(len(x))
        return x

    step, climb = FGSM(eps=0.1), PGD(eps=0.1, steps=10, loss="margin", random_start=False)
    crafted = craft([step, nothing, climb], trained, x, y, precision="float32")
    alone = [craft(attack, trained, x, y, precision="float32") for attack in (step, climb)]
    wrong = misread(trained, x, y, 96)
    assert torch.equal(crafted.fooled, alone[0].fooled | alone[1].fooled)
    assert torch.equal(crafted.by == 0, alone[0].fooled & ~wrong) and not (crafted.by == 1).any()
    assert torch.equal(crafted.by == 2, crafted.fooled & ~alone[0].fooled) and (crafted.by == 2).any()
    assert torch.equal(crafted.by == -1, wrong | ~crafted.fooled)
    assert asked == [int((~alone[0].fooled).sum())]
    assert torch.equal(crafted.x_adv[crafted.by == 0], alone[0].x_adv[crafted.by == 0])
    assert torch.equal(misread(trained, crafted.x_adv, y, 7), crafted.fooled)


def test_an_attack_in_a_row_of_one_is_that_attack(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    attack = PGD(eps=0.17, steps=5, random_start=False)
    one, row = craft(attack, trained, x, y), craft([attack], trained, x, y)
    assert torch.equal(one.x_adv, row.x_adv) and torch.equal(one.fooled, row.fooled)


def test_attacks_in_a_row_on_another_judge_share_what_it_leaves(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    source, attacks = trained_cnn(), [FGSM(eps=0.12), PGD(norm="l2", eps=1.5, steps=5)]
    with torch.no_grad():
        source[0].weight.mul_(0.7)
    crafted = craft(attacks, source, x, y, judge=trained, precision="float32")
    first = craft(attacks[0], source, x, y, judge=trained, precision="float32")
    assert torch.equal(crafted.by == 0, first.fooled) and 0 < first.fooled.sum() < len(x)
    assert torch.equal(crafted.fooled, misread(trained, crafted.x_adv, y, 96))


def test_each_attack_in_a_row_is_held_to_its_own_ball(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    crafted = craft([FGSM(eps=0.05), PGD(norm="l2", eps=1, steps=8)], trained, x, y, precision="float32")
    delta = crafted.x_adv - x
    assert (delta[crafted.by == 0].abs() <= 0.05 + 1e-6).all()
    assert (delta[crafted.by == 1].flatten(1).norm(dim=1) <= 1 + 1e-6).all() and (crafted.by == 1).any()


def test_what_attacks_in_a_row_warn_of_is_said_once(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    weak = PGD(eps=0.3, steps=20, step_size=0.01)
    with pytest.warns(AttackWarning, match="cannot cross a ball") as caught:
        crafted = craft([weak, weak, ScaledGradient(eps=0.1, steps=2)], trained, x, y)
    assert len(caught) == len(crafted.warnings) == 1


@pytest.mark.parametrize(
    ("attacks", "words"),
    [([], "no attack"), ([FGSM(eps=0.1), FGSM(eps=0.1, targeted=True)], "labels and targets at once")],
)
def test_attacks_that_cannot_be_in_a_row_are_refused(
    trained: nn.Module, x: Tensor, y: Tensor, attacks: list[FGSM], words: str
) -> None:
    with pytest.raises(AttackError, match=words):
        craft(attacks, trained, x, y)


# --- attacks of other people -----------------------------------------------------------------------------------------


def test_a_plain_function_is_an_attack(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    def blacken(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return torch.zeros_like(x)

    crafted = craft(blacken, trained, x, y)
    assert torch.equal(crafted.fooled, misread(trained, crafted.x_adv, y, 96))
    assert crafted.precision == "float32"


def test_a_plain_function_under_a_callers_no_grad_is_fine(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    with torch.no_grad():
        assert craft(PGD(eps=0.2, steps=4), trained, x, y).fooled.any()


@dataclass
class Foreign:
    """An attack that names its ball and returns whatever it is told to."""

    returned: Callable[[Tensor], Tensor]
    eps: float = 0.1
    norm: str = "linf"

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return self.returned(x)


def test_an_attack_that_leaves_its_ball_is_refused(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    with pytest.raises(AttackError, match=r"Foreign left its linf ball: a perturbation of 0\.2.* with eps = 0\.1"):
        craft(Foreign(lambda x: x - 0.2 * (x > 0.5) + 0.2 * (x <= 0.5)), trained, x, y)
    with pytest.raises(AttackError, match="left its l2 ball"):
        craft(Foreign(lambda x: x - 0.05 * (x > 0.5), norm="l2"), trained, x, y)


@pytest.mark.parametrize(
    ("returned", "complaint"),
    [
        (lambda x: x + 2, r"outside \[0, 1\]"),
        (lambda x: x * torch.nan, r"outside \[0, 1\]"),
        (lambda x: x[:, :, 1:], "shape"),
    ],
)
def test_an_attack_that_returns_no_images_is_refused(
    trained: nn.Module, x: Tensor, y: Tensor, returned: Callable[[Tensor], Tensor], complaint: str
) -> None:
    with pytest.raises(AttackError, match=complaint):
        craft(Foreign(returned), trained, x, y)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"norm": "l1"}, r"Foreign: there is no norm 'l1'; Known: l2, linf"),
        ({"eps": 8}, r"Foreign: eps = 8 .* write 8/255"),
    ],
)
def test_a_ball_that_a_foreign_attack_names_and_that_cannot_be_is_refused(
    trained: nn.Module, x: Tensor, y: Tensor, named: dict[str, float], words: str
) -> None:
    with pytest.raises(AttackError, match=words):
        craft(Foreign(lambda x: x, **named), trained, x, y)  # type: ignore[arg-type]


def test_what_is_no_attack_is_refused(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    with pytest.raises(AttackError, match="'pgd' is no attack"):
        craft(["pgd"], trained, x, y)  # type: ignore[list-item]


def test_a_foreign_attack_follows_its_own_gradients_under_a_callers_no_grad(
    trained: nn.Module, x: Tensor, y: Tensor
) -> None:
    def step(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
        return reference.fgsm(model, x, y, 0.2)

    with torch.no_grad():
        crafted = craft(step, trained, x, y)
    assert torch.equal(crafted.fooled, craft(FGSM(eps=0.2), trained, x, y, precision="float32").fooled)


def test_rounding_of_a_foreign_attack_is_rounded_back_into_the_ball(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    crafted = craft(Foreign(lambda x: (x - (0.1 + 3e-6)).clamp(0, 1)), trained, x, y)
    assert (crafted.x_adv - x).abs().max() <= 0.1 + 1e-6


# --- bad input -------------------------------------------------------------------------------------------------------


def test_logits_that_are_not_finite_are_refused(x: Tensor, y: Tensor) -> None:
    model = Linear(torch.full((4, 64), torch.nan))
    with pytest.raises(ModelError, match="Linear returns logits that are not finite"):
        craft(FGSM(eps=0.1), model, x, y)


# --- what must be left alone -----------------------------------------------------------------------------------------


def snapshot(model: nn.Module) -> tuple[object, ...]:
    return (
        {name: tensor.clone() for name, tensor in model.state_dict().items()},
        [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        [p.requires_grad for p in model.parameters()],
        [(m.training, sorted(vars(m))) for m in model.modules()],
    )


def same(a: object, b: object) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(same(p, q) for p, q in zip(a, b))
    return bool(a == b)


@pytest.mark.parametrize("precision", ["auto", "float32", "bf16"])
def test_the_network_is_left_as_it_was(x: Tensor, y: Tensor, precision: Precision) -> None:
    model = cnn().train()
    nn.functional.cross_entropy(model(x), y).backward()
    next(model.parameters()).requires_grad_(False)
    model[1].eval()
    before = snapshot(model)
    craft(PGD(eps=0.1, steps=3, restarts=2), model, x, y, precision=precision)
    assert same(snapshot(model), before)


def test_the_network_is_left_as_it_was_when_the_attack_fails(x: Tensor, y: Tensor) -> None:
    model = cnn().train()
    before = snapshot(model)
    with pytest.raises(AttackError):
        craft(Foreign(lambda x: x + 2), model, x, y)
    assert same(snapshot(model), before)


def test_the_callers_tensors_are_left_as_they_were(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    x.requires_grad_()
    images, labels = x.detach().clone(), y.clone()
    crafted = craft(PGD(eps=0.1, steps=3, restarts=2), trained, x, y)
    assert torch.equal(x, images) and torch.equal(y, labels) and x.grad is None
    assert not crafted.x_adv.requires_grad


def test_an_attack_without_random_start_draws_no_random_numbers(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    before = torch.get_rng_state()
    craft(PGD(eps=0.1, steps=3, random_start=False), trained, x, y)
    craft(FGSM(eps=0.1), trained, x, y)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_same_global_seed_gives_the_same_images(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    def once(seed: int) -> Crafted:
        torch.manual_seed(seed)
        return craft(PGD(eps=0.17, steps=4), trained, x, y, precision="float32")

    assert torch.equal(once(1).x_adv, once(1).x_adv)
    assert not torch.equal(once(1).x_adv, once(2).x_adv)


def test_dropout_is_off_while_attacking(x: Tensor, y: Tensor) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 4)).train()
    attack = PGD(eps=0.1, steps=3, random_start=False)
    assert torch.equal(attack(model, x, y), attack(model, x, y))
    with warnings.catch_warnings(action="ignore", category=AttackWarning):
        crafted = craft(attack, model, x, y)
    assert torch.equal(misread(copy.deepcopy(model).eval(), crafted.x_adv, y, 96), crafted.fooled)


def test_a_network_of_the_paper_is_attacked_the_same_in_any_batch_size() -> None:
    torch.manual_seed(0)
    model, x = wang_cnn().eval(), torch.rand(12, 1, 28, 28)
    y = model(x).argmax(1)
    attack = PGD(eps=0.02, steps=5, random_start=False, loss="margin")
    rates = [craft(attack, model, x, y, batch_size=size).robust_accuracy for size in (12, 5, 1)]
    assert rates[0] == rates[1] == rates[2]
