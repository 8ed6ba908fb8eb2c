import torch
from torch import Tensor, nn

from blackthorn.channels import Tap
from blackthorn.objectives.features import taps


def places(found: tuple[Tap, ...]) -> list[str]:
    return [tap.module for tap in found]


def test_taps_are_looked_for_once_and_again_when_the_network_has_changed() -> None:
    layers = [nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Linear(27, 5), nn.ReLU(), nn.Linear(5, 2))
    ran: list[Tensor] = []
    model.register_forward_pre_hook(lambda module, inputs: ran.append(inputs[0]))
    x = torch.rand(2, 1, 8, 8)
    assert places(taps(model, x)) == places(taps(model, x)) == ["2", "6"]
    looked = len(ran)
    model[6] = nn.Sequential(nn.Linear(5, 5), nn.Tanh())
    assert places(taps(model, x)) == ["2", "6.1"] and len(ran) == 2 * looked
