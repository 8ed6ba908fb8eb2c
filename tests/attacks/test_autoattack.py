"""AutoAttack and its parts: closed forms, the slow obvious Square, and what the record says."""

import warnings
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import APGD, FAB, PGD, AttackWarning, AutoAttack, Square, autoattack, craft
from blackthorn.attacks.apgd import _checkpoints
from blackthorn.attacks.autoattack import Tier
from blackthorn.attacks.ball import Norm
from blackthorn.attacks.fab import to_boundary
from blackthorn.attacks.losses import log_odds
from blackthorn.attacks.square import Luck, side_of
from blackthorn.attacks.square_l2 import pattern
from blackthorn.measuring import Accuracy

from .networks import Linear
from .test_closed_forms import BALLS, problem, standing

TIERS: tuple[Tier, ...] = ("screen", "standard", "full")


class Rounding(nn.Module):
    """No gradient passes it."""

    def forward(self, x: Tensor) -> Tensor:
        return (x * 16).round() / 16


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "eps"), BALLS)
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_targeted_apgd_and_fab_reach_the_closed_form(norm: Norm, eps: float, classes: int) -> None:
    model, x, y = problem(classes, images=128)
    truth = standing(model, x, y, norm, eps)
    for attack in (APGD(norm=norm, eps=eps, loss="dlr", toward="likely", restarts=9), FAB(norm=norm, eps=eps)):
        assert torch.equal(~craft(attack, model, x, y).fooled, truth), attack.name


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_the_ratio_and_the_boundary_do_not_care_for_the_scale_of_the_logits(scale: float) -> None:
    model, x, y = problem(classes=4, images=64)
    scaled = Linear(model.weight.detach(), model.bias.detach(), scale=scale)
    truth = standing(model, x, y, "linf", 0.03)
    for attack in (APGD(eps=0.03, loss="dlr", toward="nearest", restarts=3), FAB(eps=0.03)):
        assert torch.equal(~craft(attack, scaled, x, y).fooled, truth)


def test_checkpoints_are_those_of_the_paper() -> None:
    assert _checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]


def test_cross_entropy_keeps_its_gradient_behind_a_lead_of_50() -> None:
    logits = torch.tensor([[50.0, 0.0, -1.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(log_odds(logits, torch.tensor([0])).sum(), logits)
    assert gradient[0, 0] < 0 < gradient[0, 1] and gradient.sum().abs() < 1e-6


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_way_to_the_boundary_is_the_shortest_there_is(norm: Norm) -> None:
    """Held against bisection on the measure by which all pixels move."""
    generator = torch.Generator().manual_seed(3)
    x, slope = torch.rand(8, 20, generator=generator), torch.randn(8, 20, generator=generator)
    lead = -torch.rand(8, generator=generator) * 4
    change = to_boundary(x, lead, slope, norm)
    for row in range(8):
        low, high = 0.0, 100.0
        for _ in range(80):
            middle = (low + high) / 2
            step = slope[row].sign() * middle if norm == "linf" else slope[row] * middle
            moved = (x[row] + step).clamp(0, 1) - x[row]
            low, high = (middle, high) if lead[row] + slope[row] @ moved < 0 else (low, middle)
        assert torch.allclose(change[row], moved, atol=1e-5)


def slow_square(model: nn.Module, x: Tensor, y: int, eps: float, luck: Luck, queries: int) -> Tensor:
    """Algorithms 1 and 2 of the paper for one image (channels, height, width), pixel by pixel."""

    def loss(image: Tensor) -> float:
        logits = model(image[None])[0].tolist()
        return max(z for k, z in enumerate(logits) if k != y) - logits[y]

    best = (x + eps * luck.stripes).clamp(0, 1)
    highest = loss(best)
    for query in range(1, queries):
        side = side_of(0.8, query, *x.shape[1:], least=1)
        _, top, left, *_ = luck.windows[query].tolist()
        new = best.clone()
        for channel in range(x.shape[0]):
            for i in range(top, top + side):
                for j in range(left, left + side):
                    colour = x[channel, i, j] + eps * luck.signs[query][channel]
                    new[channel, i, j] = min(max(float(colour), 0.0), 1.0)
        if loss(new) > highest:
            best, highest = new, loss(new)
    return best


def test_square_is_the_slow_obvious_one(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    attack = Square(eps=0.1, queries=80)
    found = attack(trained, x[:3], y[:3])
    with torch.no_grad():
        slow = [slow_square(trained, x[i], int(y[i]), 0.1, Luck.of(attack, x, 0), 80) for i in range(3)]
    assert torch.allclose(found, torch.stack(slow), atol=1e-6)


class Counted(nn.Module):
    """A network that counts what images it is asked about."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.asked = inner, 0

    def forward(self, x: Tensor) -> Tensor:
        self.asked += len(x)
        logits: Tensor = self.inner(x)
        return logits


class Labels(nn.Module):
    """Nothing but which class is highest: most squares change no logit."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.one_hot(self.inner(x).argmax(1), 10).float()


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_square_leaves_a_network_that_says_the_same_of_everything_and_no_other(
    norm: Norm, trained: nn.Module, x: Tensor, y: Tensor
) -> None:
    dead = nn.Sequential(nn.Flatten(), nn.Linear(x[0].numel(), 10))
    nn.init.zeros_(dead[1].weight)
    attack = Square(norm=norm, eps=0.001, queries=400)
    asked = []
    for inner in (dead, Labels(trained), trained):
        counted = Counted(inner)
        found = attack(counted, x[:16], y[:16])
        assert ((found - x[:16]).flatten(1).norm(float("inf"), 1) <= 0.001 + 1e-6).all()
        asked.append(counted.asked)
    assert 80 * 16 <= asked[0] <= 110 * 16 and min(asked[1:]) > 300 * 16


@pytest.mark.parametrize("side", [1, 3, 5, 8])
def test_the_pattern_of_an_l2_query_has_length_1(side: int) -> None:
    assert pattern(side).norm().item() == pytest.approx(1.0)


def test_contributions_add_up_and_the_record_names_the_tier(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    measured = Accuracy(attack=AutoAttack(eps=0.16, tier="screen"))(trained, x[:32], y[:32])
    record = measured.record()
    assert record.tier == "screen" and list(record.contributions or {}) == ["APGD-CE", "APGD-T", "Square"]
    natural = (trained(x[:32]).argmax(1) != y[:32]).sum().item()
    assert sum((record.contributions or {}).values()) == 32 - natural - round(32 * measured.value)


def test_the_screen_goes_on_to_the_full_tier_when_gradients_are_hidden(
    trained: nn.Module, x: Tensor, y: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(autoattack._BUDGETS, "full", (2, 2, 2, 300))  # the way there is tested, not its end
    masked = nn.Sequential(Rounding(), trained)
    with warnings.catch_warnings(action="ignore", category=AttackWarning):
        crafted = craft(AutoAttack(eps=0.2, tier="screen"), masked, x[:32], y[:32])
    assert crafted.tier == "full" and any("exactly zero" in words for words in crafted.warnings)
    assert list(crafted.contributions) == ["APGD-CE", "APGD-T", "Square", "FAB-T"]


def test_a_dearer_tier_has_all_that_a_cheaper_one_has_and_no_less_of_it() -> None:
    for cheap, dear in pairwise(TIERS):
        assert all(few <= many for few, many in zip(autoattack._BUDGETS[cheap], autoattack._BUDGETS[dear]))
        parts = {part.name: part.effort for part in AutoAttack(eps=0.1, tier=dear).sequence(classes=10)}
        assert all(part.effort <= parts[part.name] for part in AutoAttack(eps=0.1, tier=cheap).sequence(classes=10))


def test_tiers_with_other_budgets_than_before_have_another_revision() -> None:
    assert [AutoAttack(eps=0.1, tier=tier).revision for tier in TIERS] == [3, 2, 1]


def test_a_healthy_network_stays_with_the_screen(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    assert craft(AutoAttack(eps=0.1, tier="screen"), trained, x[:48], y[:48]).tier == "screen"


def test_an_attack_that_stands_for_itself_says_nothing_of_tiers(trained: nn.Module, x: Tensor, y: Tensor) -> None:
    crafted = craft(PGD(eps=0.1, steps=3), trained, x, y)
    assert crafted.tier is None and crafted.contributions == {}
