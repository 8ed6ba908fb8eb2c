"""The scale of the logits, and what all of them have in common, flatter nobody: neither changes a network's answer."""

import copy
import warnings
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import APGD, FAB, FGSM, PGD, AttackWarning, Crafted, Search, craft
from blackthorn.attacks.ball import direction
from blackthorn.attacks.losses import Arithmetic
from blackthorn.attacks.onward import parts_of
from blackthorn.attacks.trials import are_probabilities, is_squashed
from blackthorn.attacks.verdict import Itself, fooled_by

from .networks import Linear


class Offset(nn.Module):
    """The same number is added to all logits."""

    def __init__(self, net: nn.Module, offset: float) -> None:
        super().__init__()
        self.net, self.offset = net, offset

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)
        return logits + self.offset


class After(nn.Module):
    """A function of the logits under which the highest stays the highest."""

    def __init__(self, net: nn.Module, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.net, self.function = net, function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.net(x))


def cubed(logits: Tensor) -> Tensor:
    """As behind an exponential, the gradient is that of the highest alone."""
    return (2 * logits).softmax(1) ** 3


def scaled(net: nn.Module, scale: float) -> nn.Module:
    net = copy.deepcopy(net)
    last = net[-1]  # type: ignore[index]
    with torch.no_grad():
        last.weight.mul_(scale)
        last.bias.mul_(scale)
    return net


def attacked(attack: Search, model: nn.Module, x: Tensor, y: Tensor) -> Crafted:
    torch.manual_seed(0)
    with warnings.catch_warnings(action="ignore", category=AttackWarning):
        return craft(attack, model, x, y, precision="float32")


@pytest.mark.parametrize(("scale", "alarm"), [(1e-4, "flat softmax"), (1e4, "saturated softmax")])
@pytest.mark.parametrize("attack", [FGSM(eps=0.17), PGD(eps=0.17, steps=10, random_start=False)])
def test_a_scale_that_misleads_cross_entropy_rings_and_gains_nothing(
    trained: nn.Module, x: Tensor, y: Tensor, attack: FGSM | PGD, scale: float, alarm: str
) -> None:
    misled = attacked(attack, scaled(trained, scale), x, y)
    assert misled.alarms == (alarm,) and "margin" in misled.warnings[0]
    by_margin = attacked(replace(attack, loss="margin"), trained, x, y)
    assert misled.robust_accuracy <= by_margin.robust_accuracy + 0.02
    bare = attacked(attack, trained, x, y)
    assert bare.alarms == () and misled.robust_accuracy <= bare.robust_accuracy


@pytest.mark.parametrize(
    ("alarms", "arithmetic", "losses"),
    [
        ([], "exact", ["ce"]),
        (["saturated softmax"], "exact", ["ce", "margin"]),
        (["flat softmax", "probabilities"], "exact", ["ce", "margin"]),
        (["saturated softmax"], "naive", ["ce"]),  # to repeat what a paper did, and no more
    ],
)
def test_cross_entropy_that_cannot_be_believed_is_followed_by_the_margin(
    alarms: list[str], arithmetic: Arithmetic, losses: list[str]
) -> None:
    parts = parts_of([PGD(eps=0.17, arithmetic=arithmetic)], 10, alarms, images=True)
    assert [part.loss for part in parts] == losses


@pytest.mark.parametrize("n", [5, 96])
def test_a_network_that_is_right_by_chance_is_not_said_to_be_flat(x: Tensor, n: int) -> None:
    """On all of five images, and on half of 96 of two classes."""
    torch.manual_seed(0)
    model = Linear(1e-4 * torch.randn(2, 64))
    said = model(x[:n]).argmax(1)
    y = said if n == 5 else torch.where(torch.arange(n) % 2 == 0, said, 1 - said)
    assert attacked(FGSM(eps=0.1), model, x[:n], y).alarms == ()


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (1e-6, 0.0), (1e6, 0.0), (1.0, 1e4)])
def test_a_clear_lead_is_one_at_any_scale(scale: float, offset: float) -> None:
    """Leads of 1 % of how far the logits lie apart are clear; those of rounding are not."""
    x, y = torch.eye(4).reshape(4, 1, 2, 2), torch.zeros(4, dtype=torch.int64)
    logits = torch.tensor([[0.0, 0.01, -1.0], [0.0, 1e-7, -1.0], [0.0, -0.01, -1.0], [0.0, 1.0, -1.0]])
    model = Offset(Linear(logits.T, scale=scale), offset)
    stop = Itself(model, targeted=False).stop(y)
    assert stop is not None
    assert stop(model(x), x, torch.arange(4)).tolist() == [True, False, False, True]


@pytest.mark.parametrize(("offset", "chosen"), [(0.0, "bf16"), (1e6, "float32")])
def test_no_search_is_in_bf16_where_that_cannot_tell_the_classes_apart(
    trained: nn.Module, x: Tensor, y: Tensor, offset: float, chosen: str
) -> None:
    """Between 1e6 and its neighbours in bf16 lie thousands; the logits lie within twenty or so."""
    crafted = craft(PGD(eps=0.17, steps=10, loss="margin"), Offset(trained, offset).eval(), x, y, precision="bf16")
    assert crafted.precision == chosen and crafted.robust_accuracy < 0.9


def test_a_common_offset_gains_nothing(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    attack = PGD(eps=0.17, steps=10, loss="margin", random_start=False)
    bare, offset = (attacked(attack, Offset(trained, size).eval(), x, y) for size in (0.0, 1e4))
    assert offset.robust_accuracy == pytest.approx(bare.robust_accuracy, abs=0.02)
    with torch.no_grad():
        assert fooled_by(Offset(trained, 1e4)(offset.x_adv), y, targeted=False).tolist() == offset.fooled.tolist()


@pytest.mark.parametrize("function", [torch.exp, cubed])
@pytest.mark.parametrize("attack", [PGD(eps=0.17, steps=10, loss="margin", random_start=False), FGSM(eps=0.17)])
def test_unnormalised_probabilities_ring_and_gain_nothing(
    trained: nn.Module, x: Tensor, y: Tensor, attack: Search, function: Callable[[Tensor], Tensor]
) -> None:
    bare, masked = (attacked(attack, model.eval(), x, y) for model in (trained, After(trained, function)))
    assert bare.alarms == () and "probabilities" in masked.alarms
    assert masked.robust_accuracy <= bare.robust_accuracy + 0.02


@pytest.mark.parametrize(
    "function",
    [torch.relu, torch.round, lambda z: torch.atan(100 * z), lambda z: z / (1 + z.abs()), lambda z: z.clamp(-2, 2)],
)
def test_squashed_logits_ring_and_gain_nothing(
    trained: nn.Module, x: Tensor, y: Tensor, function: Callable[[Tensor], Tensor]
) -> None:
    """Judged by what the network says: where several classes are clamped alike, that is the first of them."""
    attack = PGD(eps=0.17, steps=10, loss="margin", random_start=False)
    squashed = After(trained, function).eval()
    bare, masked = attacked(attack, trained, x, y), attacked(attack, squashed, x, y)
    with torch.no_grad():
        found = (~fooled_by(squashed(bare.x_adv), y, targeted=False)).float().mean().item()
    assert "squashed logits" in masked.alarms and masked.robust_accuracy <= found + 0.05


@pytest.mark.parametrize(
    "function",
    [lambda z: 3 * z - 2, lambda z: z.log_softmax(1), lambda z: z + z.roll(1, 0), lambda z: z.float().clone()],
)
def test_what_leaves_the_leads_as_they_are_squashes_nothing(
    trained: nn.Module, x: Tensor, y: Tensor, function: Callable[[Tensor], Tensor]
) -> None:
    """A line, a constant for each image, and a sum that says nothing of a single logit."""
    assert "squashed logits" not in attacked(FGSM(eps=0.17), After(trained, function).eval(), x, y).alarms


def test_a_few_numbers_that_rise_together_are_no_squashed_logits() -> None:
    """Of two features and two logits of two images, one in 24 such orders is that of the features."""
    features = torch.tensor([[0.5, 1.0], [0.5, 1.0]])
    logits = features * torch.tensor([1.1, 1.6])
    assert not is_squashed(features, logits)
    assert is_squashed(torch.linspace(-3, 3, 32).view(16, 2), torch.linspace(-3, 3, 32).view(16, 2).tanh())


def test_a_mean_of_two_networks_is_no_function_of_either(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    other = copy.deepcopy(trained)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1 + 0.1 * torch.randn_like(parameter))
    pair = After(trained, lambda z: z).eval()
    pair.forward = lambda images: (trained(images) + other(images)) / 2  # type: ignore[method-assign]
    assert attacked(FGSM(eps=0.17), pair, x, y).alarms == ()


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ([[1.0, 1e-8, 0.0], [0.0, 0.5, 1e-12], [0.9, 1e-3, 0.0]], True),  # the least are no float32 any more
        ([[3.0, 0.01, 0.0], [0.0, 2.0, 7.0], [0.0, 0.0, 0.0]], False),  # as behind a ReLU
        ([[3.0, 0.002, 9.0], [1.0, 2000.0, 7.0]], True),
        ([[3.0, 0.002, 9.0], [1.0, 2000.0, -1e-3]], False),
        ([[3.0, 2.0, 9.0], [1.0, 20.0, 7.0]], False),
    ],
)
def test_what_is_taken_for_unnormalised_probabilities(outputs: list[list[float]], expected: bool) -> None:
    assert are_probabilities(torch.tensor(outputs)) == expected


@pytest.mark.parametrize("scale", [1e-30, 1e-9, 1e30])
@pytest.mark.parametrize(
    "attack",
    [
        PGD(norm="l2", eps=1.0, steps=10, loss="margin"),
        APGD(norm="l2", eps=1.0, steps=10, loss="dlr"),
        FAB(norm="l2", eps=1.0, steps=10),
        FAB(eps=0.17, steps=10),
        PGD(eps=0.17, steps=10, loss="margin", random_start=False),
    ],
    ids=lambda attack: f"{attack.kind} {attack.norm}",
)
def test_no_scale_of_the_logits_stops_an_attack(
    trained: nn.Module, x: Tensor, y: Tensor, attack: Search, scale: float
) -> None:
    """By powers of two the images are the same; other scales round."""
    bare, other = attacked(attack, trained, x, y), attacked(attack, scaled(trained, scale), x, y)
    assert bare.robust_accuracy < 0.9
    assert other.robust_accuracy == pytest.approx(bare.robust_accuracy, abs=0.03)


def test_a_direction_is_the_same_at_any_scale_and_none_where_there_is_no_gradient() -> None:
    torch.manual_seed(0)
    gradient = torch.randn(3, 1, 4, 4)
    gradient[2] = 0
    at_one = direction(gradient, "l2")
    assert at_one.flatten(1).norm(dim=1).tolist() == pytest.approx([1, 1, 0])
    for exponent in (-100, -30, 30, 100):
        assert direction(gradient * 2.0**exponent, "l2").equal(at_one)
