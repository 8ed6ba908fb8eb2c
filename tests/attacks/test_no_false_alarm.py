"""An alarm on a healthy network is a fault too."""

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import FGSM, PGD, AutoAttack, Search, craft
from blackthorn.data import stripes
from blackthorn.models import build, mlp
from blackthorn.objectives import Adversarial, CrossEntropy, LinearQuadratic
from blackthorn.pruning import Magnitude, prune
from blackthorn.training import fit

from ..contracts.examples import MODELS

ATTACKS = [
    FGSM(eps=0.1),
    PGD(eps=0.1, steps=12, loss="margin"),
    PGD(norm="l2", eps=0.8, steps=12),
    AutoAttack(eps=0.1, tier="screen"),
]


@pytest.mark.parametrize("name", MODELS)
def test_no_alarm_on_a_built_in_network(name: str) -> None:
    channels, side = MODELS[name]
    torch.manual_seed(1)
    model = build(name, num_classes=3, shape=(channels, side, side)).eval()
    x = torch.rand(3, channels, side, side)
    with torch.no_grad():
        y = model(x).argmax(1)
    assert craft(FGSM(eps=0.01), model, x, y, precision="float32").alarms == ()


@pytest.fixture(scope="module", params=["plain", "pruned", "quadratic", "adversarial"])
def learnt(request: pytest.FixtureRequest) -> nn.Module:
    """A network that has learnt stripes in one of the product's ways."""
    torch.manual_seed(0)
    model, images = mlp(num_classes=4, image_size=8), stripes(train=512).train
    objective = {"quadratic": LinearQuadratic(), "adversarial": Adversarial(attack=PGD(eps=0.1, steps=5))}
    fit(model, images, objective.get(request.param, CrossEntropy()), epochs=4)
    if request.param == "pruned":
        prune(model, Magnitude(), sparsity=0.9, scope="per_layer")
    return model.eval()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.kind}-{attack.norm}")
def test_no_alarm_on_a_trained_network(learnt: nn.Module, x: Tensor, y: Tensor, attack: Search) -> None:
    assert craft(attack, learnt, x, y, precision="float32").alarms == ()
