import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import FGSM, craft, saturated_fraction, zero_gradient_fraction

from .networks import Linear

WEIGHT = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
X = torch.tensor([[[[1.0, 0.0]]], [[[0.8, 0.2]]], [[[0.0, 1.0]]]])
Y = torch.tensor([0, 0, 0])  # the third image is wrong and does not count


def test_gradients_are_zero_where_softmax_is_one_hot_and_counted_over_right_images_only() -> None:
    assert zero_gradient_fraction(Linear(WEIGHT), X, Y) == 0.0
    # the leads are 120 and 72: exp(-120) is no float32, exp(-72) is
    assert zero_gradient_fraction(Linear(WEIGHT, scale=120), X, Y) == 0.5
    assert saturated_fraction(Linear(WEIGHT, scale=120), X, Y) == 0.5
    assert saturated_fraction(Linear(WEIGHT, scale=1000), X, Y) == 1.0


def test_the_margin_never_saturates() -> None:
    assert zero_gradient_fraction(Linear(WEIGHT, scale=1e4), X, Y, loss="margin") == 0.0


def test_a_network_that_is_always_wrong_warns_of_nothing() -> None:
    assert craft(FGSM(eps=0.1), Linear(WEIGHT, scale=1e4), X[2:], Y[2:]).warnings == ()


def test_a_healthy_network_warns_of_nothing(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    assert craft(FGSM(eps=0.1), trained, x, y).warnings == ()


class Rounding(nn.Module):
    """Hides its gradient, as quantised inputs do."""

    def forward(self, x: Tensor) -> Tensor:
        return Linear(WEIGHT)((x * 255).round() / 255 + 0 * x)


@pytest.mark.parametrize("loss", ["ce", "margin", "quadratic"])
def test_a_network_that_hides_its_gradient_is_found_out(loss: str) -> None:
    assert zero_gradient_fraction(Rounding(), X, Y, loss=loss) == 1.0  # type: ignore[arg-type]
