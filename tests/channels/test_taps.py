"""Features of hidden layers: found by running a network once, taken in a forward pass that runs anyway."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn import models
from blackthorn.channels import Tap, channel_groups, find_taps, tapped
from blackthorn.errors import ModelError, PruningError

from .networks import Chain, Concat, PaddedShortcut, SqueezeExcite, Tied, images, lively


class SharedReLU(nn.Module):
    """torchvision's residual block: one ReLU module for both of its activations, in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.conv2, self.norm2 = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)
        self.out = nn.Linear(3, 5)

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        y = self.norm2(self.conv2(self.relu(self.norm1(self.conv1(x)))))
        y += identity
        return self.out(self.relu(y).mean((2, 3)))


class Functional(nn.Module):
    """LeNet as many write it: no activation and no pooling is a module."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
        self.fc, self.out = nn.Linear(6 * 16, 7), nn.Linear(7, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = torch.relu(self.conv2(x)).flatten(1)
        return self.out(self.fc(x).relu())


def names(model: nn.Module, x: Tensor) -> list[str]:
    return [str(tap) for tap in find_taps(model, x)]


def test_a_chain_is_tapped_after_each_activation_and_before_pooling() -> None:
    x = torch.rand(2, 1, 28, 28)
    assert names(models.lenet5_caffe(10), x) == ["relu1", "relu2", "relu3"]


@pytest.mark.slow
def test_the_taps_of_vgg_are_those_of_its_hidden_layers() -> None:
    taps = names(models.vgg16_anp(10), torch.rand(1, 3, 32, 32))
    assert taps == [f"relu{i}" for i in range(1, 15)]


def test_a_residual_network_has_a_tap_inside_and_after_each_block() -> None:
    taps = names(models.resnet18(10, image_size=8), torch.rand(1, 3, 8, 8))
    blocks = [f"stages.stage{stage}_block{block}" for stage in (1, 2, 3, 4) for block in (1, 2)]
    inner_and_outer = [tap for block in blocks for tap in (f"input of {block}.conv2", block)]
    assert taps == ["input of stages", *inner_and_outer]


def test_taps_name_the_groups_of_their_channels() -> None:
    model = lively(PaddedShortcut())
    groups = {group.name for group in channel_groups(model, images())}
    taps = find_taps(model, images())
    assert [tap.group for tap in taps] == ["stem", "conv1", "stem"] and {tap.group for tap in taps} <= groups


def test_calls_of_a_shared_activation_are_told_apart_also_in_place() -> None:
    taps = find_taps(SharedReLU(), images())
    assert [(tap.module, tap.call) for tap in taps] == [("relu", 0), ("relu", 1)]


def test_a_layer_called_three_times_has_three_taps() -> None:
    taps = find_taps(lively(Tied()), images())
    assert [str(tap) for tap in taps[:3]] == ["input of again", "input of again, call 2", "input of again, call 3"]


def test_functional_activations_are_tapped_where_the_next_module_is_given_them() -> None:
    assert names(Functional(), images()) == ["input of conv2", "input of fc", "input of out"]


def test_features_of_functional_activations_are_what_the_next_layer_reads() -> None:
    model, x = Functional(), images()
    _, features = tapped(model, find_taps(model, x))(x)
    first = F.max_pool2d(F.relu(model.conv1(x)), 2)
    second = torch.relu(model.conv2(first)).flatten(1)
    for feature, wanted in zip(features, (first, second, model.fc(second).relu())):
        assert torch.equal(feature, wanted)


def test_features_of_a_chain_are_what_its_activations_give() -> None:
    model, x = lively(Chain()), images()
    logits, features = tapped(model, find_taps(model, x))(x)
    given, wanted = x, []
    for layer in model:
        given = layer(given)
        wanted += [given] if isinstance(layer, nn.ReLU) else []
    assert torch.equal(logits, given) and len(features) == 3
    assert all(torch.equal(feature, one) for feature, one in zip(features, wanted))


def test_features_of_the_shared_activation_are_those_of_each_call() -> None:
    model, x = lively(SharedReLU()), images()
    _, (inner, outer) = tapped(model, find_taps(model, x))(x)
    wanted = torch.relu(model.norm1(model.conv1(x)))
    assert torch.equal(inner, wanted)
    assert torch.equal(outer, torch.relu(model.norm2(model.conv2(wanted)) + x))


@pytest.mark.parametrize("network", [Chain, Concat, PaddedShortcut, SqueezeExcite, Tied, Functional, SharedReLU])
def test_finding_and_taking_features_leaves_the_network_as_it_was(network: type[nn.Module]) -> None:
    model, x = lively(network()).train(), images()
    before, chance = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    taps = find_taps(model, x)
    assert torch.equal(chance, torch.get_rng_state()) and model.training
    tapped(model.eval(), taps)(x)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert not nn.modules.module._global_forward_hooks and not nn.modules.module._global_forward_pre_hooks


def test_several_forwards_in_a_row_have_their_own_features_and_gradients() -> None:
    model, x = lively(Chain()), images()
    forward = tapped(model, find_taps(model, x))
    (_, clean), (_, noisy) = forward(x), forward(x + 0.1)
    assert not torch.equal(clean[0], noisy[0])
    distance = torch.stack([(one - other).abs().mean() for one, other in zip(clean, noisy)]).mean()
    distance.backward()
    assert model[0].weight.grad is not None and model[0].weight.grad.abs().sum() > 0


def test_a_copy_has_taps_of_its_own() -> None:
    model, x = lively(Chain()), images()
    forward = tapped(model, find_taps(model, x))
    copied = copy.deepcopy(model)
    with torch.no_grad():
        copied[0].weight.zero_()
    _, features = forward(x)
    _, of_copy = tapped(copied, find_taps(model, x))(x)
    assert not torch.equal(features[0], of_copy[0]) and torch.equal(features[0], tapped(model, ["2"])(x)[1][0])


def test_a_network_that_raises_leaves_no_hook_behind() -> None:
    model = Chain()
    with pytest.raises(RuntimeError):
        tapped(model, ["2"])(torch.rand(1, 7, 8, 8))
    assert not nn.modules.module._global_forward_hooks


def test_modules_can_be_named_by_hand() -> None:
    model, x = lively(Chain()), images()
    _, (after_norm,) = tapped(model, ["1"])(x)
    assert torch.equal(after_norm, model[1](model[0](x)))


def test_a_module_that_is_not_there_or_not_reached_is_named() -> None:
    model = lively(Chain())
    with pytest.raises(ModelError, match="Chain has no module '99' to take features at"):
        tapped(model, ["99"])
    with pytest.raises(ModelError, match="did not reach 2, call 2"):
        tapped(model, [Tap("2", call=1)])(images())


def test_a_network_without_hidden_activations_is_refused() -> None:
    with pytest.raises(ModelError, match="Sequential has no activation of a hidden layer"):
        find_taps(nn.Sequential(nn.Flatten(), nn.Linear(192, 5), nn.Sigmoid()), images())


def test_images_that_do_not_fit_are_refused() -> None:
    with pytest.raises(PruningError, match="cannot run on an example"):
        find_taps(Chain(), torch.rand(1, 3, 12, 12))
