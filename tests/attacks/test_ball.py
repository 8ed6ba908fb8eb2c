import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blackthorn.attacks.balls import Norm, project, random_start, size, steepest

NORMS = st.sampled_from(["linf", "l2"])


def test_sizes_by_hand() -> None:
    delta = torch.tensor([[[[3.0, -4.0]]], [[[0.0, 0.0]]]])
    assert size(delta, "linf").tolist() == [4.0, 0.0]
    assert size(delta, "l2").tolist() == [5.0, 0.0]


def test_steepest_directions_by_hand() -> None:
    gradient = torch.tensor([[[[3.0, -4.0]]], [[[0.0, 0.0]]]])
    assert steepest(gradient, "linf").tolist() == [[[[1.0, -1.0]]], [[[0.0, 0.0]]]]
    assert torch.allclose(steepest(gradient, "l2"), torch.tensor([[[[0.6, -0.8]]], [[[0.0, 0.0]]]]))


@settings(deadline=None, max_examples=50)
@given(NORMS, st.floats(0, 2), st.integers(0, 10_000))
def test_a_projection_lies_in_the_ball_and_the_box_and_moves_nothing_that_did(
    norm: Norm, eps: float, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(5, 2, 3, 3, generator=generator)
    there = project(x + torch.randn(x.shape, generator=generator), x, eps, norm)
    assert size(there - x, norm).max() <= eps + 1e-6
    assert there.min() >= 0 and there.max() <= 1
    assert torch.allclose(project(there, x, eps, norm), there, atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_radius_for_each_image_projects_as_each_radius_does(norm: Norm) -> None:
    x, far = torch.rand(4, 1, 3, 3), 3 * torch.randn(4, 1, 3, 3)
    radii = torch.tensor([0.0, 0.1, 0.3, 0.7])
    together = project(far, x, radii, norm)
    apart = [project(far[i : i + 1], x[i : i + 1], radii[i].item(), norm) for i in range(4)]
    assert torch.allclose(together, torch.cat(apart), atol=1e-7)


def test_linf_starts_are_uniform_in_the_cube() -> None:
    delta = random_start(torch.full((200, 1, 10, 10), 0.5), 0.2, "linf") - 0.5
    assert -0.2 <= delta.min() < -0.199 and 0.199 < delta.max() <= 0.2 + 1e-6
    assert abs(delta.mean().item()) < 0.004  # deviation of the mean: 0.2 / sqrt(3 * 20000) = 0.0008
    assert delta.std().item() == pytest.approx(0.2 / 3**0.5, rel=0.02)


def test_l2_starts_are_uniform_in_the_ball() -> None:
    length = size(random_start(torch.full((4000, 1, 1, 2), 0.5), 0.4, "l2") - 0.5, "l2")
    assert length.max() <= 0.4 + 1e-6
    # in two dimensions a quarter of the area lies within half the radius; deviation 0.007
    assert (length < 0.2).float().mean().item() == pytest.approx(0.25, abs=0.03)
