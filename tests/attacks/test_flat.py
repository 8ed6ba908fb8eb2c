"""Where nothing changes the logits there is no direction, and an attack still returns images that are finite."""

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import APGD, FAB, PGD, AttackWarning, AutoAttack, Square, craft
from blackthorn.speed.denormals import flushed


class Finite(nn.Module):
    """Looks at every image that an attack asks about."""

    def forward(self, x: Tensor) -> Tensor:
        assert torch.isfinite(x).all()
        return x


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(
    "attack",
    [
        APGD(eps=0.2, steps=5),
        APGD(eps=0.2, steps=5, loss="dlr"),
        APGD(eps=0.2, steps=5, toward="likely"),
        FAB(eps=0.2, steps=5),
        PGD(eps=0.2, steps=5),
        Square(eps=0.2, queries=20),
        AutoAttack(eps=0.2, tier="screen"),
    ],
    ids=repr,
)
def test_images_stay_finite_where_gradients_vanish_and_denormals_are_flushed(attack: Any, norm: str) -> None:
    model = nn.Sequential(nn.Linear(16, 1), nn.ReLU(), nn.Linear(1, 4))
    with torch.no_grad():
        model[0].weight.fill_(1.0)
        model[0].bias.fill_(-8.0)  # no image near black gets over this
        model[2].weight.copy_(torch.tensor([[-0.01], [0.01], [0.02], [0.0]]))
        model[2].bias.copy_(torch.tensor([1.0, 0.5, 0.2, 0.1]))
    x, y = 0.9 * torch.rand(12, 1, 4, 4), torch.zeros(12, dtype=torch.int64)
    x[3:9] = 0.0
    with flushed(), warnings.catch_warnings():
        warnings.simplefilter("ignore", AttackWarning)
        network = nn.Sequential(Finite(), nn.Flatten(), model).eval()
        crafted = craft(type(attack)(**{**vars(attack), "norm": norm}), network, x, y)
    assert crafted.robust_accuracy == 1 and torch.isfinite(crafted.x_adv).all()
