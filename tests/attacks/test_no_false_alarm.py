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


@pytest.mark.parametrize("attack", [PGD(norm="l2", eps=0.25, steps=3), FGSM(eps=0.2)], ids=lambda attack: attack.norm)
@pytest.mark.parametrize("seed", range(4))
def test_no_alarm_where_maxima_pass_some_pixels_by(seed: int, attack: Search) -> None:
    """Deep maxima leave pixels without a gradient on all of a few images, though large steps would reach them."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Conv2d(1, 2, 3, padding=1)]
    for _ in range(4):
        layers += [nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 2, 3, padding=1)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(8, 10)).eval()
    x = torch.rand(20, 1, 32, 32)
    with torch.no_grad():
        y = model(x).argmax(1)
    leaf = x[:20].requires_grad_()
    (gradient,) = torch.autograd.grad(model(leaf).sum(), leaf)
    assert (gradient == 0).all(0).float().mean() > 0.02
    crafted = craft(attack, model, x.detach(), y, precision="float32")
    assert "dead pixels" not in crafted.alarms


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
