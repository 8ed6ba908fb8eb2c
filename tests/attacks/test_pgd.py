import dataclasses
import warnings

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import PGD, AttackWarning, Ball, Problem, craft
from blackthorn.attacks.ball import Norm
from blackthorn.attacks.losses import margin
from blackthorn.attacks.onward import parts_of

from ..reference import attacks as reference
from .networks import Linear

WEIGHT = torch.tensor([[3.0, -4.0], [0.0, 0.0]])  # leaving class 0 is down pixel 0 and up pixel 1, along (-0.6, 0.8)


def test_a_linf_step_is_of_equal_length_in_every_pixel_and_stays_in_the_ball() -> None:
    x = torch.full((1, 1, 1, 2), 0.5)
    attack = PGD(eps=0.15, steps=2, step_size=0.1, random_start=False)
    with warnings.catch_warnings(action="ignore", category=AttackWarning):
        once = PGD(eps=0.15, steps=1, step_size=0.1, random_start=False)(Linear(WEIGHT), x, torch.tensor([0]))
        twice = attack(Linear(WEIGHT), x, torch.tensor([0]))
    assert torch.allclose(once, torch.tensor([[[[0.4, 0.6]]]]))
    assert torch.allclose(twice, torch.tensor([[[[0.35, 0.65]]]]))


def test_an_l2_step_goes_along_the_gradient_and_is_scaled_back_onto_the_ball() -> None:
    x = torch.full((1, 1, 1, 2), 0.5)
    with warnings.catch_warnings(action="ignore", category=AttackWarning):
        once = PGD(norm="l2", eps=0.15, steps=1, step_size=0.1, random_start=False)(
            Linear(WEIGHT), x, torch.tensor([0])
        )
        twice = PGD(norm="l2", eps=0.15, steps=2, step_size=0.1, random_start=False)(
            Linear(WEIGHT), x, torch.tensor([0])
        )
    assert torch.allclose(once, torch.tensor([[[[0.44, 0.58]]]]))
    assert torch.allclose(twice, torch.tensor([[[[0.41, 0.62]]]]))


def test_a_targeted_step_goes_towards_the_class_asked_for() -> None:
    x = torch.full((1, 1, 1, 2), 0.5)
    attack = PGD(eps=0.1, steps=2, random_start=False, targeted=True)
    assert torch.allclose(attack(Linear(WEIGHT), x, torch.tensor([0])), torch.tensor([[[[0.6, 0.4]]]]))


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.1), ("l2", 0.5)])
@pytest.mark.parametrize("start", [False, True])
def test_pgd_equals_the_slow_version_from_the_same_start(
    trained: nn.Module, x: Tensor, y: Tensor, norm: Norm, eps: float, start: bool
) -> None:
    torch.manual_seed(3)
    begin = Ball(norm, eps).start(x) if start else x
    slow = reference.pgd(trained, x, y, eps=eps, step=eps / 4, steps=10, norm=norm, start=begin)
    torch.manual_seed(3)
    x_adv = PGD(norm=norm, eps=eps, steps=10, random_start=start)(trained, x, y)
    assert torch.allclose(x_adv, slow, atol=1e-5)


def test_the_default_step_crosses_the_ball_in_four_fifths_of_the_steps_and_never_exceeds_it() -> None:
    assert PGD(eps=0.3, steps=40).length == pytest.approx(2.5 * 0.3 / 40)
    assert PGD(eps=0.3, steps=2).length == 0.3
    assert PGD(eps=0.3, steps=40, step_size=0.01).length == 0.01


def test_steps_that_cannot_cross_the_ball_are_warned_of_with_the_step_that_can() -> None:
    (reservation,) = PGD(eps=0.3, steps=20, step_size=0.01).reservations()
    assert "20 steps of 0.01 cannot cross a ball of radius 0.3" in reservation
    assert "leave step_size out to use 0.0375" in reservation
    with pytest.warns(AttackWarning, match="cannot cross"):
        PGD(eps=0.3, steps=20, step_size=0.01)(Linear(WEIGHT), torch.full((1, 1, 1, 2), 0.5), torch.tensor([0]))


def test_a_single_step_is_told_to_take_more_and_not_to_drop_a_step_size_it_has_not() -> None:
    (reservation,) = PGD(eps=0.3, steps=1).reservations()
    assert "take more steps" in reservation and "leave step_size out" not in reservation


def test_steps_that_just_cross_the_ball_are_not_warned_of() -> None:
    assert PGD(eps=0.3, steps=60, step_size=0.01).reservations() == []


def test_restarts_return_for_each_image_the_run_that_climbed_highest(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    torch.manual_seed(0)
    runs = [PGD(eps=0.17, steps=4)(trained, x, y) for _ in range(3)]
    torch.manual_seed(0)
    best = PGD(eps=0.17, steps=4, restarts=3)(trained, x, y)
    fooled = torch.stack([margin(trained(run), y) > 0 for run in runs])
    assert fooled.any(0).sum() > fooled[0].sum()
    assert torch.equal(margin(trained(best), y) > 0, fooled.any(0))
    assert all(any(torch.equal(best[i], run[i]) for run in runs) for i in range(len(x)))


def test_the_margin_aims_each_restart_at_another_class() -> None:
    weight = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 0.9]])
    x, y = torch.full((1, 1, 1, 2), 0.1), torch.tensor([0])
    model = Linear(weight, torch.tensor([1.0, 0.0, 0.0]))
    runs = []
    for restart in (0, 1):
        attack = PGD(norm="l2", eps=0.1, steps=2, loss="margin", random_start=False)
        problem = dataclasses.replace(Problem.of_all(model, x, y, attack.ball), run=restart)
        runs.append(attack.search(problem))
    # class 1 is nearer: its logit is as low and its slope is steeper
    assert torch.allclose(runs[0], torch.tensor([[[[0.2, 0.1]]]]))
    assert runs[1][0, 0, 0, 1] > 0.1


def test_clipped_to_a_part_of_the_range_it_does_what_the_code_of_anp_vs_does() -> None:
    """That code, written out for standardised images, which it clips to [0, 1] although most lie outside."""
    torch.manual_seed(1)
    net, held = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3)), 128.0
    s, y, eps, step = torch.randn(20, 1, 3, 4) * 2, torch.randint(0, 3, (20,)), 0.03, 0.007
    by_hand = s.clamp(0, 1)
    for _ in range(10):
        by_hand.requires_grad_()
        (slope,) = torch.autograd.grad(nn.functional.cross_entropy(net(by_hand), y, reduction="sum"), by_hand)
        moved = torch.minimum(torch.maximum(by_hand.detach() + step * slope.sign(), s - eps), s + eps)
        by_hand = moved.clamp(0, 1)

    class Reads(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            logits: Tensor = net((x - 0.5) * held)
            return logits

    attack = PGD(eps=eps / held, steps=10, step_size=step / held, clip=(0.5, 0.5 + 1 / held), random_start=False)
    x = 0.5 + s / held
    x_adv = attack(Reads(), x, y)
    assert ((x_adv - 0.5) * held - by_hand).abs().max() < 1e-3  # float32 holds s to 4e-6, and steps are 7e-3
    assert attack.ball.contains(x_adv, x, slack=1e-7).all() and not attack.ball.contains(x, x).any()
    assert not attack.ball.contains(x_adv + 2 * step / held, x, slack=1e-7).any()
    found = craft(attack, Reads(), x, y)
    assert 0 < found.robust_accuracy <= float((net(s).argmax(1) == y).float().mean())


@pytest.mark.parametrize("clip", [(0.5, 0.5), (-0.1, 1), (0.2, 1.1)])
def test_pixels_to_clip_to_are_a_part_of_the_range(clip: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"clip: \[low, high\] with 0 <= low < high <= 1 is wanted"):
        PGD(eps=0.1, clip=clip)


def test_where_it_clips_nothing_goes_on_that_does_not() -> None:
    for clip, parts in ((None, ["PGD", "Square"]), ((0.2, 0.8), ["PGD"])):
        found = parts_of([PGD(eps=0.1, clip=clip)], 10, ["zero gradients"], images=True)
        assert [part.name for part in found] == parts
