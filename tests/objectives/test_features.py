import pytest
import torch
from torch import Tensor, nn

from blackthorn.models import build
from blackthorn.objectives.features import tap_names, tapped, taps


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(27, 5), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))


def test_the_features_of_a_layer_are_those_of_the_activation_after_it(model: nn.Module) -> None:
    assert tap_names(model, torch.rand(1, 1, 8, 8)) == ("2", "5", "7")


def test_lenets_taps_are_the_papers() -> None:
    model = build({"kind": "lenet5_caffe"}, num_classes=10, shape=(1, 28, 28))
    assert tap_names(model, torch.rand(1, 1, 28, 28)) == ("relu1", "relu2", "relu3")


def test_a_module_that_runs_twice_is_no_tap() -> None:
    relu, linear = nn.ReLU(), nn.Linear(4, 4)
    model = nn.Sequential(nn.Linear(4, 4), relu, linear, linear, relu, nn.Linear(4, 2))
    assert tap_names(model, torch.rand(1, 4)) == ("0",)


def test_features_are_kept_with_their_gradients_and_the_output_is_the_networks(model: nn.Module) -> None:
    x = torch.rand(3, 1, 8, 8)
    with tapped(model, ("2", "5")) as features:
        logits = model(x)
    assert {name: tuple(held.shape) for name, held in features.items()} == {"2": (3, 3, 6, 6), "5": (3, 5)}
    assert torch.equal(model[6:](features["5"]), logits)  # type: ignore[index]
    assert features["2"].requires_grad


def test_looking_for_taps_leaves_the_network_and_the_generator_as_they_were(model: nn.Module) -> None:
    before, state = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    tap_names(model.train(), torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert all(torch.equal(before[name], held) for name, held in model.state_dict().items())
    assert model.training and torch.equal(torch.get_rng_state(), state)
    assert not any(module._forward_hooks for module in model.modules())


def test_taps_are_looked_for_once_and_again_when_the_network_has_changed(model: nn.Sequential) -> None:
    ran: list[Tensor] = []
    model.register_forward_pre_hook(lambda module, inputs: ran.append(inputs[0]))
    x = torch.rand(2, 1, 8, 8)
    assert taps(model, x) == taps(model, x) == ("2", "5", "7") and len(ran) == 1
    model[5] = nn.Sequential(nn.Linear(27, 5), nn.Tanh())
    assert taps(model, x) == ("2", "5.1", "7") and len(ran) == 2
