import copy
import math

import pytest
import torch
from torch import Tensor, nn

from blackthorn.objectives import CrossEntropy, LinearQuadratic
from blackthorn.training import Adam

X = torch.tensor([[1.0, 3.0, 0.0], [2.0, 2.5, -1.0]])  # the identity network makes these the logits
Y = torch.tensor([0, 1])


def test_cross_entropy_by_hand() -> None:
    rows = [math.log(math.e + math.e**3 + 1) - 1, math.log(math.e**2 + math.e**2.5 + math.e**-1) - 2.5]
    loss = CrossEntropy()(nn.Identity(), X, Y)
    assert loss.total.item() == pytest.approx(sum(rows) / 2, abs=1e-6)
    assert loss.parts["loss"].item() == loss.total.item() and loss.parts["accuracy"].item() == 0.5


@pytest.mark.parametrize(
    ("activation", "outputs"),
    [
        ("none", X),
        ("relu", torch.tensor([[1.0, 3.0, 0.0], [2.0, 2.5, 0.0]])),
        ("softmax", X.softmax(1)),
    ],
)
def test_the_linear_quadratic_cost_is_half_the_square_averaged_over_images_and_classes(
    activation: str, outputs: Tensor
) -> None:
    target = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    by_hand = sum(0.5 * (t - o) ** 2 for t, o in zip(target.flatten().tolist(), outputs.flatten().tolist())) / 6
    loss = LinearQuadratic(output_activation=activation)(nn.Identity(), X, Y)  # type: ignore[arg-type]
    assert loss.total.item() == pytest.approx(by_hand, abs=1e-6)


def test_the_linear_quadratic_cost_of_these_numbers_is_16_25_twelfths() -> None:
    # (0 + 9 + 0) + (4 + 2.25 + 1) = 16.25, halved and divided by 2 images x 3 classes
    assert LinearQuadratic()(nn.Identity(), X, Y).total.item() == pytest.approx(16.25 / 12)


def test_accuracy_is_that_of_the_outputs() -> None:
    assert LinearQuadratic()(nn.Identity(), X, Y).parts["accuracy"].item() == 0.5


def test_weight_decay_is_the_l2_term_of_the_linear_quadratic_cost_on_weights_and_biases() -> None:
    torch.manual_seed(0)
    coupled = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3))
    explicit = copy.deepcopy(coupled)
    decayed, plain = (
        Adam(lr=0.1, weight_decay=1e-1).build(coupled.parameters()),
        Adam(lr=0.1).build(explicit.parameters()),
    )
    for _ in range(3):
        decayed.zero_grad()
        LinearQuadratic()(coupled, X, Y).total.backward()
        decayed.step()
        plain.zero_grad()
        penalty = sum(1e-1 * 0.5 * parameter.square().sum() for parameter in explicit.parameters())
        (LinearQuadratic()(explicit, X, Y).total + penalty).backward()
        plain.step()
    for one, other in zip(coupled.parameters(), explicit.parameters()):
        assert torch.allclose(one, other, atol=1e-6)
