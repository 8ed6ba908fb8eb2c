import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blackthorn.attacks import Ball
from blackthorn.attacks.ball import Norm, direction
from blackthorn.errors import AttackError

NORMS = st.sampled_from(["linf", "l2"])


def test_sizes_by_hand() -> None:
    delta = torch.tensor([[[[3.0, -4.0]]], [[[0.0, 0.0]]]])
    assert Ball("linf", 1.0).size(delta).tolist() == [4.0, 0.0]
    assert Ball("l2", 1.0).size(delta).tolist() == [5.0, 0.0]


def test_steepest_directions_by_hand() -> None:
    gradient = torch.tensor([[[[3.0, -4.0]]], [[[0.0, 0.0]]]])
    assert direction(gradient, "linf").tolist() == [[[[1.0, -1.0]]], [[[0.0, 0.0]]]]
    assert torch.allclose(direction(gradient, "l2"), torch.tensor([[[[0.6, -0.8]]], [[[0.0, 0.0]]]]))
    halves = Ball("l2", torch.tensor([0.5, 0.5])).steepest(gradient)
    assert torch.allclose(halves, torch.tensor([[[[0.3, -0.4]]], [[[0.0, 0.0]]]]))


@settings(deadline=None, max_examples=50)
@given(NORMS, st.floats(0, 2), st.integers(0, 10_000))
def test_a_projection_lies_in_the_ball_and_the_box_and_moves_nothing_that_did(
    norm: Norm, eps: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(5, 2, 3, 3, generator=generator)
    ball = Ball(norm, min(eps, 1.0) if norm == "linf" else eps)
    there = ball.project(x + torch.randn(x.shape, generator=generator), x)
    assert ball.contains(there, x, slack=1e-6).all() and ball.size(there - x).max() <= eps + 1e-6
    assert there.min() >= 0 and there.max() <= 1
    assert torch.allclose(ball.project(there, x), there, atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_radius_for_each_image_projects_as_each_radius_does(norm: Norm) -> None:
    x, far = torch.rand(4, 1, 3, 3), 3 * torch.randn(4, 1, 3, 3)
    radii = torch.tensor([0.0, 0.1, 0.3, 0.7])
    together = Ball(norm, radii).project(far, x)
    apart = [Ball(norm, radii[i].item()).project(far[i : i + 1], x[i : i + 1]) for i in range(4)]
    assert torch.allclose(together, torch.cat(apart), atol=1e-7)


def test_linf_starts_are_uniform_in_the_cube() -> None:
    delta = Ball("linf", 0.2).start(torch.full((200, 1, 10, 10), 0.5)) - 0.5
    assert -0.2 <= delta.min() < -0.199 and 0.199 < delta.max() <= 0.2 + 1e-6
    assert abs(delta.mean().item()) < 0.004  # deviation of the mean: 0.2 / sqrt(3 * 20000) = 0.0008
    assert delta.std().item() == pytest.approx(0.2 / 3**0.5, rel=0.02)


def test_l2_starts_are_uniform_in_the_ball() -> None:
    ball = Ball("l2", 0.4)
    length = ball.size(ball.start(torch.full((4000, 1, 1, 2), 0.5)) - 0.5)
    assert length.max() <= 0.4 + 1e-6
    # in two dimensions a quarter of the area lies within half the radius; deviation 0.007
    assert (length < 0.2).float().mean().item() == pytest.approx(0.25, abs=0.03)


def test_a_ball_with_a_radius_for_each_image_is_indexed_and_scaled_image_by_image() -> None:
    ball = Ball("linf", 0.2).each(torch.zeros(3, 1, 2, 2))
    assert isinstance(ball.eps, torch.Tensor) and ball.eps.tolist() == pytest.approx([0.2] * 3)
    half = Ball("linf", torch.tensor([0.1, 0.2, 0.4]))[torch.tensor([0, 2])].scaled(0.5)
    assert isinstance(half.eps, torch.Tensor) and half.eps.tolist() == pytest.approx([0.05, 0.2])


def test_contains_says_which_images_lie_within() -> None:
    x = torch.full((2, 1, 1, 2), 0.5)
    x_adv = x + torch.tensor([[[[0.1, 0.0]]], [[[0.1, 0.1]]]])
    assert Ball("l2", 0.12).contains(x_adv, x).tolist() == [True, False]
    assert Ball("linf", 0.12).contains(x_adv, x).tolist() == [True, True]
    assert Ball("linf", 0.05).contains(x_adv, x, slack=0.06).tolist() == [True, True]


def test_a_linf_radius_of_1_holds_every_image_and_moves_none_of_them() -> None:
    x, x_adv = torch.rand(2, 3, 1, 4, 4)
    assert Ball("linf", 1.0).whole and not Ball("l2", 1.0).whole
    assert torch.equal(Ball("linf", 1.0).project(x_adv, x), x_adv)


@pytest.mark.parametrize(
    ("norm", "eps", "words"),
    [
        ("l1", 0.1, "there is no norm 'l1'; Known: l2, linf"),
        ("linf", -0.1, "cannot be negative"),
        ("linf", 8, "write 8/255"),
    ],
)
def test_a_ball_that_cannot_be_is_refused_in_one_line(norm: Norm, eps: float, words: str) -> None:
    with pytest.raises(AttackError, match=words):
        Ball(norm, eps)
