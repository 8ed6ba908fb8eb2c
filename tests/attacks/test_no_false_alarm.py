"""An alarm on a healthy network is a fault too."""

import warnings

import pytest
import torch
from torch import Tensor, nn

from blackthorn.attacks import FGSM, PGD, AttackWarning, AutoAttack, Search, craft
from blackthorn.attacks.trials import GradientTrial
from blackthorn.data import stripes
from blackthorn.models import build, lenet5_caffe, mlp
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


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_no_alarm_on_a_built_in_network(name: str) -> None:
    channels, side = MODELS[name]
    torch.manual_seed(1)
    model = build(name, num_classes=3, shape=(channels, side, side)).eval()
    x = torch.rand(3, channels, side, side)
    with torch.no_grad():
        y = model(x).argmax(1)
    assert craft(FGSM(eps=0.01), model, x, y, precision="float32").alarms == ()


@pytest.mark.parametrize("attack", [PGD(norm="l2", eps=8, steps=3), FGSM(eps=0.45)], ids=lambda attack: attack.norm)
def test_no_alarm_where_maxima_pass_some_pixels_by(attack: Search) -> None:
    """Of sixteen pixels one has a gradient; on twenty images some never have, though large steps would reach them."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.MaxPool2d(4), nn.Flatten(), nn.Linear(64, 10)).eval()
    x = torch.rand(20, 1, 32, 32)
    with torch.no_grad():
        y = model(x).argmax(1)
    crafted = craft(attack, model, x, y, precision="float32")
    assert crafted.dead_pixels is not None and crafted.dead_pixels > 0.1
    assert "dead pixels" not in crafted.alarms


class Standardised(nn.Module):
    """A network for standardised images, which lie in [0, 1] as 1/2 + s/128: a unit of a pixel is 128 of its own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = nn.Linear(256, 64), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        bent = torch.sin(10 * self.first(128 * (x - 0.5).flatten(1)))
        return self.last(bent)  # type: ignore[no-any-return]


def test_steps_are_small_where_the_ball_is() -> None:
    model, x = Standardised().eval(), 0.5 + torch.randn(20, 1, 16, 16) / 128
    with torch.no_grad():
        y = model(x).argmax(1)
    assert craft(PGD(eps=0.03 / 128, steps=3), model, x, y, precision="float32").alarms == ()
    with warnings.catch_warnings(action="ignore", category=AttackWarning):
        crafted = craft(PGD(eps=0.3, steps=3), model, x, y, precision="float32")
    assert "wrong gradients" in crafted.alarms  # in a step of 1e-3


def test_a_random_direction_that_changes_next_to_nothing_is_no_evidence() -> None:
    """One image, two random directions, and a network with many kinks: by chance both may cancel out."""
    failed = []
    for seed in range(100):
        torch.manual_seed(seed)
        model = lenet5_caffe(channels=(20, 50), hidden=(100,))
        for weight in model.parameters():
            weight.data *= 3 * (torch.rand_like(weight) > 0.8)
        trial, x = GradientTrial(0.3), torch.rand(1, 1, 28, 28) * (torch.rand(1, 1, 28, 28) > 0.7)
        trial.look(model, x, torch.float32, torch.Generator().manual_seed(0))
        failed += [seed] if trial.failed else []
    assert failed == []


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


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.kind}-{attack.norm}")
def test_no_alarm_on_a_trained_network(learnt: nn.Module, x: Tensor, y: Tensor, attack: Search) -> None:
    assert craft(attack, learnt, x, y, precision="float32").alarms == ()


@pytest.mark.parametrize("reach", [0.3, 8 / 255])
def test_beside_an_image_where_many_pixels_tie_for_the_largest_gradients_say_what_happens(reach: float) -> None:
    """Black all over, as digits are around them: the gradient goes to one pixel of nine, and a step of any of them
    moves the largest.
    """
    torch.manual_seed(0)
    model, trial = nn.Sequential(nn.MaxPool2d(3), nn.Flatten(), nn.Linear(64, 10)).eval(), GradientTrial(reach)
    trial.look(model, torch.zeros(8, 1, 24, 24), torch.float32, torch.Generator().manual_seed(0))
    assert not trial.images.straight and trial.beside.straight and not trial.failed
