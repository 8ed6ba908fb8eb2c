import copy

import pytest
import torch
from safetensors.torch import load, save, save_file
from torch import nn

from blackthorn import models
from blackthorn.deploy import save as save_bundle
from blackthorn.measuring import bytes_on_disk, macs, nonzero, parameters
from blackthorn.pruning import Magnitude, prune


def test_wang_cnn_by_hand():
    model, x = models.wang_cnn(), torch.rand(1, 1, 28, 28)
    by_hand = 14 * 14 * 32 * 64 + 5 * 5 * 64 * 36 * 32 + 64 * 25 * 64 + 64 * 10
    assert parameters(model) == 178_986
    assert macs(model, x) == by_hand == 2_347_648


def test_macs_of_a_padded_strided_grouped_convolution_by_hand():
    conv = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
    assert macs(conv, torch.rand(1, 4, 9, 9)) == 5 * 5 * 6 * (4 // 2) * 9


@pytest.mark.parametrize(
    ("name", "count"), [("vgg16", 313_201_664), ("resnet18", 555_422_720), ("wrn28_4", 845_597_184)]
)
def test_macs_of_the_cifar_networks_equal_the_sum_over_their_layers(name, count):
    model = models.BUILDERS[name]().eval()
    total = 0

    def add(layer: nn.Module, _: object, out: torch.Tensor) -> None:
        nonlocal total
        places = out[0, 0].numel() if out.dim() == 4 else 1
        total += layer.weight.numel() * places

    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            layer.register_forward_hook(add)
    assert macs(model, torch.rand(1, 3, 32, 32)) == total == count


def test_macs_are_those_of_one_image_whatever_the_batch_and_the_mode_stays():
    model = models.wang_cnn()
    assert macs(model, torch.rand(7, 1, 28, 28)) == 2_347_648 and model.training


def test_nonzero_counts_exact_zeros_in_biases_too():
    model = nn.Linear(3, 2)
    nn.init.ones_(model.weight)
    nn.init.zeros_(model.bias)
    with torch.no_grad():
        model.weight[0, 0] = 0
        model.weight[0, 1] = -0.0
    assert (nonzero(model), parameters(model)) == (4, 8)


def test_a_shared_parameter_counts_once():
    layer = nn.Linear(3, 3)
    assert parameters(nn.Sequential(layer, layer)) == 12


def test_bytes_are_those_of_the_file(tmp_path):
    model = models.wang_cnn(mean=[0.1], std=[0.3])
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    assert bytes_on_disk(model) == (tmp_path / "model.safetensors").stat().st_size
    assert len(load(save(model.state_dict()))) == 10


def test_of_a_layer_with_95_percent_zeros_a_sixteenth_is_written():
    """5 % of the numbers, and a byte for each of them: 0.05 * (4 + 1) / 4 of the bytes."""
    model = models.mlp(10, hidden=(1000,))
    dense = bytes_on_disk(model)
    masked = copy.deepcopy(model)
    with torch.no_grad():
        masked.fc1.weight[torch.rand(1000, 784) < 0.95] = 0
    saved = 4 * 784_000 * (1 - 0.05 * 5 / 4)
    assert dense - bytes_on_disk(masked) == pytest.approx(saved, rel=0.002)


def test_the_bytes_are_those_of_the_bundle_without_its_description(tmp_path):
    model = models.wang_cnn()
    masks = prune(model, Magnitude(), sparsity=0.95, scope="per_layer")
    save_bundle(tmp_path / "net.safetensors", model, masks=masks)
    assert 0 < (tmp_path / "net.safetensors").stat().st_size - bytes_on_disk(model) < 2000


def test_tied_weights_are_written_once():
    one, other = nn.Linear(100, 100, bias=False), nn.Linear(100, 100, bias=False)
    apart = bytes_on_disk(nn.Sequential(one, other))
    other.weight = one.weight
    assert apart - bytes_on_disk(nn.Sequential(one, other)) >= 40_000
