"""AutoAttack against the authors' implementation as packaged (pyautoattack): no more may be left standing than there.

One image of the set is allowed, since both draw random numbers. The reference has no targeted ratio for fewer than four
classes; there it runs without it.
"""

import warnings
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn.attacks import PGD, AttackWarning, AutoAttack, craft
from blackthorn.attacks.autoattack import Tier
from blackthorn.attacks.ball import Norm
from blackthorn.data import ImageSet, load_data, pixels

IMAGES = 32
TIERS: tuple[Tier, ...] = ("screen", "standard")
RADII: dict[Norm, float] = {"linf": 0.2, "l2": 1.0}


class Rounding(nn.Module):
    """What it rounds to seventeen shades has no gradient: attacks that follow one find nothing."""

    def forward(self, x: Tensor) -> Tensor:
        return (x * 16).round() / 16


def digits(classes: int) -> tuple[ImageSet, ImageSet]:
    """The first classes of scikit-learn's digits, 8x8: to train on, and to attack."""
    splits = load_data("digits")
    train, test = splits.train, splits.test
    few, held = train.y < classes, (test.y < classes).nonzero().squeeze(1)[:IMAGES]
    return replace(train, x=train.x[few], y=train.y[few]), replace(test, x=test.x[held], y=test.y[held])


def network(kind: str, classes: int, train: ImageSet) -> nn.Module:
    """Trained on clean images (standard, masked) or on those of PGD."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.ReLU(),
        nn.Flatten(), nn.Linear(8 * 16, classes),
    )  # fmt: skip
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    attack = PGD(eps=0.12, steps=4)
    x, y = pixels(train.x), train.y
    for _ in range(6):
        for rows in torch.randperm(len(x)).split(64):
            images = attack(model, x[rows], y[rows]) if kind == "trained by PGD" else x[rows]
            optimiser.zero_grad(set_to_none=True)
            F.cross_entropy(model(images), y[rows]).backward()
            optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return nn.Sequential(Rounding(), model).eval() if kind == "masked" else model.eval()


def theirs(model: nn.Module, x: Tensor, y: Tensor, norm: Norm, eps: float, classes: int) -> float:
    """Robust accuracy by the reference with its standard budgets."""
    package: Any = pytest.importorskip("pyautoattack")
    named = {"norm": {"linf": "Linf", "l2": "L2"}[norm], "eps": eps, "seed": 0}
    few = ["apgd-ce", "fab-t", "square"] if classes < 4 else ["apgd-ce", "apgd-t", "fab-t", "square"]
    attack = package.AutoAttack(model, version="custom", attacks=few, **named)
    attack.apgd.n_restarts = attack.fab.n_restarts = 1
    attack.fab.n_target_classes = attack.apgd_targeted.n_target_classes = min(9, classes - 1)
    x_adv = attack.run_standard_evaluation(x, y, batch_size=IMAGES)
    x_adv = x_adv[0] if isinstance(x_adv, tuple) else x_adv
    with torch.no_grad():
        return (model(x_adv).argmax(1) == y).float().mean().item()


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["standard", "trained by PGD", "masked"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("classes", [10, 3, 2])
def test_no_more_is_left_standing_than_by_the_reference(kind: str, norm: Norm, classes: int) -> None:
    train, test = digits(classes)
    model, x, y = network(kind, classes, train), pixels(test.x), test.y
    eps = RADII[norm]
    reference = theirs(model, x, y, norm, eps, classes)
    rates = {}
    with warnings.catch_warnings(action="ignore", category=AttackWarning):
        for tier in TIERS:
            rates[tier] = craft(AutoAttack(norm=norm, eps=eps, tier=tier), model, x, y).robust_accuracy
    print(kind, norm, classes, "reference", reference, rates)
    assert rates["standard"] <= reference + 1 / len(x) + 1e-6
    assert rates["screen"] <= reference + 1 / len(x) + 1e-6
