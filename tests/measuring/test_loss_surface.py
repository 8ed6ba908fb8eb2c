"""Loss surfaces against a double loop over the moves, on a linear network in closed form, and where gradients hide."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn.errors import DataError, ModelError
from blackthorn.measuring import LossSurface
from blackthorn.measuring.loss_surface import random_signs
from blackthorn.values import ValidationError

EPS = 0.3


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(9, 8), nn.Tanh(), nn.Linear(8, 3))


def images(n: int = 6) -> tuple[Tensor, Tensor]:
    chance = torch.Generator().manual_seed(1)
    return torch.rand(n, 1, 3, 3, generator=chance), torch.arange(n) % 3


def test_every_point_is_the_mean_loss_of_a_double_loop() -> None:
    (x, y), model = images(), network()
    found = LossSurface(eps=EPS, points=5, seed=4, batch_size=4)(model, x, y)
    across = random_signs(x, 4)
    assert set(across.flatten().tolist()) == {-1.0, 1.0}
    for row, a in enumerate((-0.3, -0.15, 0.0, 0.15, 0.3)):
        for column, b in enumerate((-0.3, -0.15, 0.0, 0.15, 0.3)):
            losses = []
            for image, label, random in zip(x, y, across):
                leaf = image[None].clone().requires_grad_()
                (gradient,) = torch.autograd.grad(F.cross_entropy(model(leaf), label[None]), leaf)
                moved = image[None] + a * gradient.sign() + b * random[None]
                losses.append(F.cross_entropy(model(moved), label[None]).item())
            assert found.surface[row][column] == pytest.approx(sum(losses) / len(losses), abs=2e-6)
    assert found.moves == pytest.approx([-0.3, -0.15, 0, 0.15, 0.3])
    assert found.value == pytest.approx(found.along[-1] - found.centre, abs=2e-6)
    assert found.low < found.value < found.high and found.n == 6 and found.still == 0


class Difference(nn.Module):
    """Logits (0, w x): the margin of label 0 is w x, whose gradient has the length sum |w| in the linf ball."""

    weight = torch.tensor([1.0, -2.0, 0.5])

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([torch.zeros(len(x)), x.flatten(1) @ self.weight], 1)


def test_the_margin_of_a_linear_network_is_a_plane_that_no_clipping_folds() -> None:
    x, y = torch.tensor([[0.9, 0.1, 0.5], [1.0, 0.0, 0.0]]).reshape(2, 1, 1, 3), torch.tensor([0, 0])
    found = LossSurface(eps=0.5, points=3, loss="margin")(Difference(), x, y)
    sideways = float((random_signs(x, 0).flatten(1) @ Difference.weight).mean())
    centre = ((0.9 - 0.2 + 0.25) + 1) / 2
    for row, a in enumerate((-0.5, 0, 0.5)):
        for column, b in enumerate((-0.5, 0, 0.5)):
            assert found.surface[row][column] == pytest.approx(centre + a * 3.5 + b * sideways, abs=2e-6)
    assert found.value == pytest.approx(1.75) and not found.warnings


def test_images_are_evenly_spread_and_a_random_direction_does_not_hang_on_the_network() -> None:
    x, y = images(12)
    every_third = LossSurface(eps=EPS, points=3, n_max=4)(network(), x, y)
    assert every_third.surface == LossSurface(eps=EPS, points=3)(network(), x[::3], y[::3]).surface
    assert torch.equal(random_signs(x, 0), random_signs(x, 0))
    assert not torch.equal(random_signs(x, 0), random_signs(x, 1))


class Scaled(nn.Module):
    """A network whose logits are so large that softmax is one-hot, and cross-entropy is zero far around."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        return 1e5 * logits


def test_a_saturated_network_is_named_and_the_margin_still_has_a_slope() -> None:
    x, _ = images()
    model = Scaled()
    y = model(x).argmax(1)
    found = LossSurface(eps=1e-4, points=3)(model, x, y)
    assert found.still == 0 and found.value == 0 == found.highest  # the exact gradient has a direction even here
    (said,) = found.warnings
    assert "changes by less than 0.01" in said and "possible sign of masked gradients" in said
    by_margin = LossSurface(eps=1e-4, points=3, loss="margin")(model, x, y)
    assert by_margin.value > 1 and by_margin.still == 0 and not by_margin.warnings


class Rounded(nn.Module):
    """Reads rounded pixels, so that no gradient comes through."""

    def forward(self, x: Tensor) -> Tensor:
        seen = 3 * (x.round() + 0 * x).flatten(1).sum(1)
        return torch.stack([torch.zeros(len(x)), seen], 1)


def test_images_without_a_gradient_are_counted_and_named() -> None:
    x, y = torch.rand(20, 1, 1, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(20, dtype=torch.long)
    found = LossSurface(eps=0.2, points=3)(Rounded(), x, y)
    assert found.still == 1 and found.value == 0
    assert "exactly zero for 100.0% of the images" in found.warnings[0]
    assert "along a random direction" in found.warnings[1]


class Backwards(nn.Module):
    """Its gradient points the wrong way, as a defence with a wrong backward pass has it."""

    def forward(self, x: Tensor) -> Tensor:
        seen = 2 * x.detach() - x
        return torch.stack([torch.zeros(len(x)), 3 * seen.flatten(1).sum(1)], 1)


def test_a_gradient_that_is_worse_than_chance_is_named() -> None:
    x, y = torch.rand(20, 1, 1, 3, generator=torch.Generator().manual_seed(0)), torch.zeros(20, dtype=torch.long)
    found = LossSurface(eps=0.2, points=3)(Backwards(), x, y)
    assert found.value < 0
    assert any("along a random direction" in said for said in found.warnings)


def test_what_has_no_surface_is_refused_in_one_line() -> None:
    x, y = images()
    with pytest.raises(DataError, match="at least 2 images"):
        LossSurface(eps=0.1)(network(), x[:1], y[:1])
    with pytest.raises(DataError, match="got 6 and 5"):
        LossSurface(eps=0.1)(network(), x, y[:5])
    with pytest.raises(ModelError, match="not finite around 6 of 6 images"):
        LossSurface(eps=0.1, points=3, loss="margin")(nn.Sequential(network(), nn.Threshold(1e9, torch.nan)), x, y)
    with pytest.raises(ValidationError, match="an odd number"):
        LossSurface(eps=0.1, points=40)
    with pytest.raises(ValidationError, match="greater than 0"):
        LossSurface(eps=0)
