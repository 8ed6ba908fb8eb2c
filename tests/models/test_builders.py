"""Sizes, counts and errors of the built-in networks. Counts are those of the papers or computed by hand."""

import copy
import json

import pytest
import torch
from torch import nn

from blackthorn import models
from blackthorn.errors import ModelError

MNIST, CIFAR = (1, 28, 28), (3, 32, 32)
SHAPES = {
    "gaussian": MNIST,
    "lenet5_caffe": MNIST,
    "mlp": MNIST,
    "parana_cnn": MNIST,
    "resnet18": CIFAR,
    "vgg16": CIFAR,
    "vgg16_anp": CIFAR,
    "wang_cnn": MNIST,
    "wide_resnet": CIFAR,
    "wrn28_4": CIFAR,
}
SMALL = {"parana_cnn": {"channels": [2, 3, 2, 2], "hidden": [8, 6]}, "mlp": {"hidden": [8, 6]}}


def small(name: str, **options: object) -> nn.Module:
    return models.build({"kind": name, **SMALL.get(name, {}), **options}, num_classes=10, shape=SHAPES[name])


def on_meta(name: str) -> nn.Module:
    with torch.device("meta"):
        return models.BUILDERS[name]()


def weights(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters() if parameter.dim() > 1)


def filters(model: nn.Module) -> int:
    return sum(module.out_channels for module in model.modules() if isinstance(module, nn.Conv2d))


def weights_shapes(model: nn.Module) -> list[list[int]]:
    return [list(parameter.shape) for parameter in model.parameters() if parameter.dim() > 1]


def test_every_builder_has_a_shape_in_this_file():
    assert set(models.BUILDERS) == set(SHAPES)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("lenet5_caffe", 20 * 26 + 50 * 501 + 500 * 801 + 10 * 501),
        ("gaussian", 2 * 431_080),
        ("mlp", 3_484_000 + 1500 + 1000 + 800 + 10),
        ("parana_cnn", 24_287_963 + 12 + 15 + 25 + 20 + 1500 + 500 + 10),
        ("resnet18", 11_173_962),
        ("vgg16", 14_710_464 + 3 * 4224 + 5130),
        ("vgg16_anp", 14_710_464 + 3 * 4224 + 262_144 + 3 * 512 + 5120 + 10),
        ("wang_cnn", 178_986),
        ("wide_resnet", 5_849_050),
        ("wrn28_4", 5_849_050),
    ],
)
def test_parameters_are_those_of_the_paper(name, count):
    assert sum(parameter.numel() for parameter in on_meta(name).parameters()) == count


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("mlp", [1_176_000, 1_500_000, 800_000, 8_000]),
        ("parana_cnn", [588, 4_500, 3_375, 4_500, 23_520_000, 750_000, 5_000]),
        ("wang_cnn", [2_048, 73_728, 102_400, 640]),
    ],
)
def test_weights_of_each_layer_are_those_of_the_paper(name, shapes):
    assert [parameter.numel() for parameter in on_meta(name).parameters() if parameter.dim() > 1] == shapes


@pytest.mark.parametrize(("name", "count"), [("wang_cnn", 160), ("wrn28_4", 4048), ("vgg16", 4224), ("resnet18", 4800)])
def test_filters_are_those_of_the_paper(name, count):
    assert filters(on_meta(name)) == count


def test_wrn28_4_has_28_convolutions_of_5_839_280_weights():
    convolutions = [module for module in on_meta("wrn28_4").modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) == 28
    assert sum(module.weight.numel() for module in convolutions) == 5_839_280


@pytest.mark.parametrize(("name", "convolutions"), [("vgg16", 13), ("resnet18", 20)])
def test_width_scales_every_convolution_and_nothing_else(name, convolutions):
    narrow, usual = models.BUILDERS[name](10, width=8), on_meta(name)
    eighths = [[n // 8 if n % 64 == 0 else n for n in shape] for shape in weights_shapes(usual)]
    assert weights_shapes(narrow) == eighths
    assert len(weights_shapes(narrow)) == convolutions + 1
    assert filters(narrow) == filters(usual) / 8
    assert narrow.architecture["width"] == 8
    assert narrow(torch.rand(2, 3, 32, 32)).shape == (2, 10)
    assert weights_shapes(models.build(narrow.architecture)) == weights_shapes(narrow)


@pytest.mark.parametrize("name", ["vgg16", "resnet18"])
@pytest.mark.parametrize("width", [0, 1.5, "64", True])
def test_a_width_that_is_no_number_of_channels_is_refused(name, width):
    with pytest.raises(ModelError, match=f"{name}: width must be a whole number of at least 1; got {width!r}"):
        models.BUILDERS[name](10, width=width)


def test_a_wide_resnet_of_depth_10_and_width_1_is_the_papers_smallest():
    # 432 + 3 shortcuts + 6 convolutions: 16x16x9 twice; 16x32x9, 32x32x9, 16x32; 32x64x9, 64x64x9, 32x64; 16x16
    model = models.wide_resnet(10, depth=10, widen=1)
    weights = sum(module.weight.numel() for module in model.modules() if isinstance(module, nn.Conv2d))
    assert weights == 432 + 2 * 2304 + 4608 + 9216 + 512 + 18432 + 36864 + 2048


@pytest.mark.parametrize("depth", [4, 9, 27])
def test_a_wide_resnet_refuses_depths_that_make_no_whole_blocks(depth):
    with pytest.raises(ModelError, match=f"depth must be 6 N \\+ 4, such as 10, 16, 22 or 28; got {depth}"):
        models.wide_resnet(10, depth=depth)


def test_a_wang_cnn_of_other_widths_is_small_and_can_be_rebuilt():
    model = models.wang_cnn(10, channels=[8, 15, 15])
    assert sum(p.numel() for p in model.parameters() if p.dim() > 1) == 512 + 4320 + 5625 + 150
    again = models.build(models.architecture_of(model))
    assert [p.shape for p in again.parameters()] == [p.shape for p in model.parameters()]
    with pytest.raises(ModelError, match="channels must be 3 numbers"):
        models.wang_cnn(10, channels=[8, 15])


def test_a_lenet_of_other_widths_is_small_and_can_be_rebuilt():
    model = models.lenet5_caffe(channels=[3, 5], hidden=[7])
    assert sum(p.numel() for p in model.parameters()) == 3 * 26 + 5 * (3 * 25 + 1) + 7 * (5 * 16 + 1) + 10 * 8
    again = models.build(models.architecture_of(model))
    assert [p.shape for p in again.parameters()] == [p.shape for p in model.parameters()]
    with pytest.raises(ModelError, match=r"channels must be 2 numbers, one per convolution, and hidden 1; got \[3\]"):
        models.lenet5_caffe(channels=[3], hidden=[7])


def test_a_narrow_vgg_of_anp_has_narrow_linear_layers_too():
    with torch.device("meta"):
        model = models.vgg16_anp(10, width=32)
    assert filters(model) == 4224 // 2
    assert weights(model) == (14_710_464 - 1728) // 4 + 1728 // 2 + 256 * 256 + 2560
    with pytest.raises(ModelError, match=r"vgg16_anp: width must be a whole number of at least 1; got 0\.5"):
        models.vgg16_anp(10, width=0.5)


def test_wang_cnn_halves_28_to_14_to_5_to_1():
    seen = []
    model = models.wang_cnn()
    for module in model:
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _, __, out: seen.append(tuple(out.shape[1:])))
    model(torch.zeros(1, 1, 28, 28))
    assert seen == [(32, 14, 14), (64, 5, 5), (64, 1, 1)]


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_logits_are_finite_and_one_for_each_class(name):
    model = models.build({"kind": name, **SMALL.get(name, {})}, num_classes=7, shape=SHAPES[name])
    logits = model.eval()(torch.rand(2, *SHAPES[name]))
    assert logits.shape == (2, 7) and torch.isfinite(logits).all()


@pytest.mark.parametrize("name", ["mlp", "parana_cnn", "resnet18", "wrn28_4"])
def test_networks_without_a_smallest_size_take_8x8_images_of_two_channels(name):
    model = models.build({"kind": name, **SMALL.get(name, {})}, num_classes=3, shape=(2, 8, 8))
    assert model.eval()(torch.rand(2, 2, 8, 8)).shape == (2, 3)


@pytest.mark.parametrize(("name", "side"), [("wang_cnn", 28), ("lenet5_caffe", 16), ("vgg16", 32), ("vgg16_anp", 32)])
def test_the_smallest_image_works_and_one_smaller_is_refused_with_the_remedy(name, side):
    channels = SHAPES[name][0]
    model = models.build(name, num_classes=10, shape=(channels, side, side))
    assert model.eval()(torch.rand(1, channels, side, side)).shape == (1, 10)
    with pytest.raises(ModelError, match=f"at least {side}x{side}, got {side - 1}x{side - 1}; write resize: {side}"):
        models.build(name, num_classes=10, shape=(channels, side - 1, side - 1))


@pytest.mark.parametrize(("name", "side"), [("wang_cnn", 32), ("lenet5_caffe", 33), ("vgg16", 64), ("resnet18", 48)])
def test_larger_images_work(name, side):
    channels = SHAPES[name][0]
    model = models.build(name, num_classes=10, shape=(channels, side, side))
    assert model.eval()(torch.rand(1, channels, side, side)).shape == (1, 10)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_the_architecture_is_json_and_builds_the_same_network_again(name):
    channels = SHAPES[name][0]
    model = small(name, mean=[0.4] * channels, std=[0.2] * channels)
    said = json.loads(json.dumps(model.architecture))
    again = models.build(said)
    assert said["kind"] == name and again.architecture == model.architecture
    again.load_state_dict(model.state_dict())
    x = torch.rand(2, *SHAPES[name])
    assert torch.equal(model.eval()(x), again.eval()(x))


def test_the_architecture_survives_deepcopy():
    model = models.mlp(hidden=(8,))
    assert copy.deepcopy(model).architecture == model.architecture
    assert models.architecture_of(model)["hidden"] == [8]


def test_a_network_made_by_hand_has_no_architecture():
    with pytest.raises(ModelError, match="Linear has no description"):
        models.architecture_of(nn.Linear(1, 1))


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_the_global_seed_repeats_a_network(name):
    built = []
    for _ in range(2):
        torch.manual_seed(5)
        built.append(torch.cat([parameter.flatten() for parameter in small(name).parameters()]))
    assert torch.equal(*built)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_normalisation_inside_equals_normalised_images_outside(name):
    channels = SHAPES[name][0]
    mean, std = [0.3, 0.4, 0.5][:channels], [0.2, 0.25, 0.3][:channels]
    torch.manual_seed(1)
    inside = small(name, mean=mean, std=std).eval()
    torch.manual_seed(1)
    outside = small(name).eval()
    x = torch.rand(2, *SHAPES[name])
    by_hand = (x - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(std).view(-1, 1, 1)
    torch.testing.assert_close(inside(x), outside(by_hand))
    leaves = (module for module in inside.modules() if not list(module.children()))
    assert next(leaves).__class__ is models.Normalize


def test_one_mean_serves_every_channel():
    assert models.resnet18(mean=[0.5], std=[0.25]).architecture["mean"] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_no_network_normalises_unless_told(name):
    assert not any(isinstance(module, models.Normalize) for module in small(name).modules())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": "wide"}, "hidden must be a list of whole numbers"),
        ({"hidden": [10, 0]}, "hidden must be a list of whole numbers"),
        ({"hidden": 64}, "hidden must be a list of whole numbers"),
        ({"mean": [0.5]}, "std must be a list of 1 numbers"),
        ({"mean": [0.5, 0.5], "std": [1.0, 1.0]}, "mean must be a list of 1 numbers"),
        ({"mean": [0.5], "std": [0.0]}, "std must be above 0"),
        ({"mean": ["a"], "std": [1.0]}, "mean must be a list"),
        ({"num_classes": 0}, "num_classes must be a whole number of at least 1"),
        ({"in_channels": 1.5}, "in_channels must be a whole number of at least 1"),
        ({"image_size": 0}, "image_size"),
        ({"image_size": (28, 32)}, "image_size is one whole number"),
    ],
)
def test_an_impossible_option_is_one_line_that_names_it(options, message):
    with pytest.raises(ModelError, match=message) as caught:
        models.mlp(**options)
    assert "\n" not in str(caught.value)


def test_parana_cnn_wants_four_convolutions():
    with pytest.raises(ModelError, match="channels must be 4 numbers"):
        models.parana_cnn(channels=(1, 2))


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_network_can_be_traced_symbolically(name):
    model = small(name).eval()
    x = torch.rand(1, *SHAPES[name])
    assert torch.equal(torch.fx.symbolic_trace(model)(x), model(x))


def test_the_vgg_of_anp_vs_drops_and_averages_as_its_code_unless_told() -> None:
    wide, narrow = models.vgg16_anp(width=4), models.vgg16_anp(width=4, drops=False, momentum=0.1)
    drops = [layer.p for layer in wide.modules() if isinstance(layer, nn.Dropout)]
    assert drops == [0.3, *[0.4] * 7, 0.5, 0.5]
    assert not any(isinstance(layer, nn.Dropout) for layer in narrow.modules())
    assert narrow.state_dict().keys() == wide.state_dict().keys()
    for network, momentum in ((wide, 0.01), (narrow, 0.1)):
        norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
        assert len(norms) == 14 and {norm.momentum for norm in norms} == {momentum}
