"""Wrong and inconspicuous: on linear networks how near a wrong one-hot vector can be reached is a problem with a known
solution, and on others the attack must do at least as well as one that does not look at the outputs.
"""

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear
from torch import Tensor, nn

from blackthorn.attacks import PGD, Evading, craft
from blackthorn.attacks.evading import one_hot_distance

from .networks import Linear


def linear(classes: int, scale: float) -> tuple[Linear, Tensor, Tensor]:
    """Outputs around the one-hot vectors, and images of 64 pixels that no perturbation of 0.1 takes out of [0, 1]."""
    generator = torch.Generator().manual_seed(3)
    weight = scale * torch.randn(classes, 64, generator=generator)
    x = 0.2 + 0.6 * torch.rand(8, 1, 8, 8, generator=generator)
    model = Linear(weight, 1 / classes - weight @ x.flatten(1).mean(0))
    return model, x, model(x).argmax(1)


def nearest_wrong(model: Linear, x: Tensor, y: Tensor, eps: float) -> list[float]:
    """By bounded least squares, one problem for each wrong class: the least distance to its one-hot vector."""
    weight, bias = model.weight.detach().double().numpy(), model.bias.detach().double().numpy()
    found = []
    for image, label in zip(x.flatten(1).double().numpy(), y.tolist()):
        wrong = [k for k in range(len(bias)) if k != label]
        goals = [np.eye(len(bias))[k] - bias - weight @ image for k in wrong]
        solved = [lsq_linear(weight, goal, bounds=(-eps, eps)) for goal in goals]
        found.append(min(float(np.sqrt(2 * one.cost)) for one in solved))
    return found


@pytest.mark.parametrize("eps", [0.02, 0.05, 0.1])
def test_on_a_linear_network_it_comes_as_near_a_wrong_one_hot_vector_as_can_be(eps: float) -> None:
    model, x, y = linear(classes=4, scale=0.2)
    outputs = model(Evading(eps=eps)(model, x, y))
    away = one_hot_distance(outputs, outputs.scatter(1, y[:, None], -torch.inf).argmax(1))
    least = torch.tensor(nearest_wrong(model, x, y, eps))
    reached = outputs.argmax(1) != y
    assert reached.any()
    torch.testing.assert_close(away[reached], least[reached].float(), atol=0.05, rtol=0)
    assert (least[~reached] > 0.5**0.5).all()  # nearer than that to a one-hot vector, an image is of its class


def test_two_classes_reach_the_probability_that_the_margin_and_the_l1_norm_say() -> None:
    model, x, y = linear(classes=2, scale=0.5)
    eps = 0.1
    seen = model(Evading(eps=eps, outputs="softmax")(model, x, y)).softmax(1)
    gap = model(x).gather(1, 1 - y[:, None]) - model(x).gather(1, y[:, None])
    reach = eps * (model.weight[0] - model.weight[1]).abs().sum()
    wanted = torch.sigmoid(gap + reach).squeeze(1)
    torch.testing.assert_close(seen.gather(1, 1 - y[:, None]).squeeze(1), wanted, atol=1e-5, rtol=1e-4)


def test_every_class_is_tried_where_the_nearest_one_is_no_good() -> None:
    """Class 1 is the nearest, but its output cannot pass 0.6 without lifting class 3 as well; class 2 gets to 1."""
    weight = torch.zeros(4, 64)
    weight[1, :16], weight[3, :16], weight[2, 16:32] = 0.25, 0.24, 0.2
    model = Linear(weight, torch.tensor([0.75, -1.5, -1.5, -1.5]))
    x, y = torch.full((1, 1, 8, 8), 0.5), torch.tensor([0])
    one, all_of_them = (model(Evading(eps=0.5, restarts=runs)(model, x, y)) for runs in (1, 9))
    assert one.argmax(1) == 1 and all_of_them.argmax(1) == 2
    assert one_hot_distance(all_of_them, torch.tensor([2])) < one_hot_distance(one, torch.tensor([1]))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_it_is_undetected_more_often_than_one_that_does_not_look(
    trained: nn.Module, x: Tensor, y: Tensor, norm: str
) -> None:
    eps = 0.1 if norm == "linf" else 1.0
    knowing = Evading(norm=norm, eps=eps, outputs="softmax")(trained, x, y)
    blind = PGD(norm=norm, eps=eps, loss="margin")(trained, x, y)
    shares = []
    for x_adv in (knowing, blind):
        seen = trained(x_adv).softmax(1)
        shares.append(((seen.argmax(1) != y) & (one_hot_distance(seen, seen.argmax(1)) < 0.2)).float().mean())
    assert shares[0] >= shares[1] and shares[0] > 0


def test_targeted_it_reaches_the_class_and_not_another(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    target = (y + 1) % 4
    x_adv = Evading(eps=0.3, outputs="softmax", targeted=True)(trained, x, target)
    seen = trained(x_adv).softmax(1).gather(1, target[:, None])
    assert (seen > trained(x).softmax(1).gather(1, target[:, None])).all()
    assert (trained(x_adv).argmax(1) == target).float().mean() > 0.9


def test_craft_verifies_it_like_any_attack(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    crafted = craft(Evading(eps=0.1, outputs="softmax"), trained, x, y, precision="float32")
    assert torch.equal(trained(crafted.x_adv).argmax(1) != y, crafted.fooled) and crafted.fooled.any()


def test_an_iterate_is_kept_that_later_steps_would_lose() -> None:
    """More steps never do worse towards the same class: the best iterate is what comes back."""
    model, x, y = linear(classes=4, scale=0.2)
    far = []
    for steps in (1, 3, 40):
        outputs = model(Evading(eps=0.1, steps=steps, targeted=True)(model, x, (y + 1) % 4))
        far.append(one_hot_distance(outputs, (y + 1) % 4).mean())
    assert far[0] > far[1] > far[2]
