"""The penultimate layer of any network: its features without its last layer, and gradients through a fake ReLU."""

import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn import models
from blackthorn.channels import penultimate
from blackthorn.errors import ModelError, PruningError

from .networks import Chain, Concat, images, lively
from .test_taps import Functional, SharedReLU


class InPlace(nn.Module):
    """A ReLU in place whose result nobody takes, and a head that is a 1x1 convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        x.relu_()
        return self.head(x.mean((2, 3), keepdim=True)).flatten(1)


class OneHidden(nn.Module):
    """features = relu(W x): what a gradient through them is can be said by hand."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.fc, self.relu, self.out = nn.Linear(2, 3, bias=False), nn.ReLU(inplace), nn.Linear(3, 2)
        with torch.no_grad():
            self.fc.weight.copy_(torch.tensor([[1.0, 2.0], [-3.0, 1.0], [1.0, -1.0]]))

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.relu(self.fc(x.flatten(1))))


class TwoHeads(Functional):
    """Logits that are a sum of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.other = nn.Linear(6 * 16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.conv2(F.max_pool2d(F.relu(self.conv1(x)), 2))).flatten(1)
        return self.out(self.fc(x).relu()) + self.other(x)


@pytest.mark.parametrize("made", [Chain, Functional, SharedReLU, Concat, InPlace], ids=lambda made: made.__name__)
@pytest.mark.parametrize("fake_relu", [False, True])
def test_the_features_are_what_the_last_layer_is_given(made: type[nn.Module], fake_relu: bool) -> None:
    model, x = lively(made()), images()
    seen: list[Tensor] = []
    last = list(model.children())[-1]
    last.register_forward_pre_hook(lambda module, args: seen.append(args[0].flatten(1)))
    model(x)
    assert torch.equal(penultimate(model, x[:1], fake_relu=fake_relu)(x), seen[0])


def test_the_features_of_the_networks_of_the_papers_are_512_numbers() -> None:
    x = torch.rand(2, 3, 32, 32)
    for model in (models.vgg16(10), models.resnet18(10)):
        assert penultimate(model.eval(), x)(x).shape == (2, 512)


def test_the_last_layer_is_not_run() -> None:
    model, x = Chain().eval(), images()
    features = penultimate(model, x)
    calls: list[nn.Module] = []
    for module in model.modules():
        module.register_forward_hook(lambda module, args, result: calls.append(module))
    features(x)
    assert calls == [*model][:-1]


@pytest.mark.parametrize("inplace", [False, True])
def test_a_fake_relu_lets_gradients_through_where_a_unit_is_dead(inplace: bool) -> None:
    model = OneHidden(inplace)
    x = torch.tensor([[[[1.0, 1.0]]]])  # W x = (3, -2, 0): the second unit is dead, and so is the third
    weight = torch.tensor([[1.0, 10.0, 100.0]])
    gradients = []
    for fake_relu in (False, True):
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad((penultimate(model, x, fake_relu=fake_relu)(leaf) * weight).sum(), leaf)
        gradients.append(gradient.flatten().tolist())
    assert gradients == [[1, 2], [1 - 30 + 100, 2 + 10 - 100]]


def test_only_the_last_relu_is_fake() -> None:
    model, x = Functional(), images()
    gradients = []
    for fake_relu in (False, True):
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(penultimate(model, x, fake_relu=fake_relu)(leaf).sum(), leaf)
        gradients.append(gradient)
    leaf = x.clone().requires_grad_()
    hidden = torch.relu(model.conv2(F.max_pool2d(F.relu(model.conv1(leaf)), 2))).flatten(1)
    (by_hand,) = torch.autograd.grad(model.fc(hidden).sum(), leaf)
    assert torch.allclose(gradients[1], by_hand) and not torch.allclose(gradients[0], by_hand)


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(192, 5)), "'1.weight' makes its logits straight from the image"),
        (TwoHeads(), "its logits come from out.weight and other.weight; give a network with one last layer"),
        (nn.Sequential(nn.Flatten(), nn.ReLU()), "its logits come from no layer that can be followed"),
    ],
)
def test_a_network_without_a_penultimate_layer_is_refused(model: nn.Module, complaint: str) -> None:
    with pytest.raises(ModelError, match=f"has no penultimate layer: {re.escape(complaint)}"):
        penultimate(model, images())


def test_images_that_the_network_cannot_take_are_refused() -> None:
    with pytest.raises(PruningError, match="cannot run on an example of shape"):
        penultimate(Chain(), torch.rand(1, 1, 8, 8))
