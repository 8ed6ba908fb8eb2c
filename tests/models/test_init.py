import math

import pytest
import torch

from blackthorn import models


def test_wang_cnn_starts_he_normal_with_zero_biases():
    model = models.wang_cnn()
    assert model.conv3.weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 25)), rel=0.02)
    assert model.conv3.bias.abs().max() == 0 and model.out.bias.abs().max() == 0


def test_mlp_starts_as_parana_does():
    model = models.mlp(hidden=(400, 300))
    sigma = math.sqrt(3 / (784 + 400))
    assert model.fc1.weight.abs().max() <= 2 * sigma
    # a normal cut at 2 sigma has standard deviation 0.8796 sigma
    assert model.fc1.weight.std().item() == pytest.approx(0.8796 * sigma, rel=0.01)
    assert model.out.weight.abs().max() <= 0.02
    assert all((layer.bias == 0.1).all() for layer in (model.fc1, model.fc2, model.out))


def test_parana_cnn_counts_the_kernel_in_its_fans():
    model = models.parana_cnn(image_size=8, channels=(40, 40, 4, 4), hidden=(8,))
    sigma = math.sqrt(3 / (25 * (40 + 40)))
    assert model.conv2.weight.std().item() == pytest.approx(0.8796 * sigma, rel=0.02)


def test_lenet5_caffe_starts_as_caffe_does():
    model = models.lenet5_caffe()
    bound = math.sqrt(3 / 800)
    assert 0.99 * bound < model.fc1.weight.abs().max() <= bound


@pytest.mark.parametrize("name", ["vgg16", "resnet18", "wrn28_4"])
def test_cifar_networks_start_he_normal_by_fan_out(name):
    model = models.BUILDERS[name]()
    widest = max(
        (module for module in model.modules() if isinstance(module, torch.nn.Conv2d)),
        key=lambda module: module.weight.numel(),
    )
    out, _, height, width = widest.weight.shape
    assert widest.weight.std().item() == pytest.approx(math.sqrt(2 / (out * height * width)), rel=0.01)
