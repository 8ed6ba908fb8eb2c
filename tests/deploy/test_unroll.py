import warnings
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from blackthorn import data, fit, models
from blackthorn.deploy import SparseLayer, decouple, unroll, without_zeros
from blackthorn.errors import ModelError
from blackthorn.objectives import CrossEntropy
from blackthorn.pruning import ActivatedValue, Hold, Magnitude, prune, sparsity


def dense(layer: SparseLayer) -> Tensor:
    """The matrix as an array, in torch's order of values: (out, in)."""
    length, groups, out_length, out_groups = layer.sizes
    found = torch.zeros(out_length * out_groups, length * groups)
    for rows in layer.rows.tolist():
        for row, (start, stop) in enumerate(pairwise(rows)):
            for k in range(start, stop):
                found[row, layer.columns[k]] += layer.weight[k].detach()
    by_place = found.view(out_length, out_groups, length, groups)
    return by_place.permute(1, 0, 3, 2).reshape(out_length * out_groups, length * groups)


def run(conv: nn.Conv2d, x: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Using padding='same' with even kernel")
        return conv(x)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[nn.Conv2d, tuple[int, int]]:
    groups = draw(st.integers(1, 3))
    size = draw(st.tuples(st.integers(4, 9), st.integers(4, 9)))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    mode = draw(st.sampled_from(["zeros", "zeros", "reflect", "replicate", "circular"]))
    padding: str | tuple[int, int] = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
    if draw(st.booleans()):
        padding, stride = draw(st.sampled_from(["same", "valid"])), (1, 1)
    pads = padding if isinstance(padding, tuple) else (3 * (padding == "same"),) * 2
    reach = [d * (k - 1) + 1 for d, k in zip(dilation, kernel)]
    if any(far > side for far, side in zip(reach, size)) or max(pads) >= min(size):
        kernel = (1, 1)
    conv = nn.Conv2d(
        groups * draw(st.integers(1, 3)),
        groups * draw(st.integers(1, 3)),
        kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode=mode,
    )
    return conv, size


@settings(max_examples=60, deadline=None)
@given(convolutions(), st.integers(1, 40))
def test_an_unrolled_convolution_is_the_convolution(made: tuple[nn.Conv2d, tuple[int, int]], n: int) -> None:
    conv, size = made
    x = torch.randn(n, conv.in_channels, *size)
    layer = unroll(conv, size)
    wanted = run(conv, x)
    assert layer(x).shape == wanted.shape
    torch.testing.assert_close(layer(x), wanted, rtol=1e-4, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(convolutions())
def test_the_matrix_is_what_the_convolution_does_to_the_identity(made: tuple[nn.Conv2d, tuple[int, int]]) -> None:
    conv, size = made
    inputs = conv.in_channels * size[0] * size[1]
    identity = torch.eye(inputs).view(inputs, conv.in_channels, *size)
    columns = (run(conv, identity) - run(conv, torch.zeros_like(identity[:1]))).flatten(1)
    torch.testing.assert_close(dense(unroll(conv, size)), columns.t(), rtol=1e-5, atol=1e-5)


def test_even_kernels_pad_more_behind_than_in_front_for_the_same_size() -> None:
    conv = nn.Conv2d(1, 1, 4, padding="same", bias=False)
    wanted = run(conv, torch.eye(25).view(25, 1, 5, 5)).flatten(1).t()
    layer = unroll(conv, (5, 5))
    torch.testing.assert_close(dense(layer), wanted)
    kept = torch.zeros(5, 5)
    kept[0:3, 0:3] = 1  # output (0, 0) sees kernel rows 1 to 3, since one row of padding lies in front
    assert torch.equal(dense(layer)[0].view(5, 5) != 0, kept.bool())


def test_entries_by_hand() -> None:
    """2x2 image, 2x2 kernel, padding 1: output (0, 0) reads pixel (0, 0) through the last tap, (1, 1) reads all."""
    conv = nn.Conv2d(1, 1, 2, padding=1, bias=False)
    conv.weight.data = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    layer = unroll(conv, (2, 2))
    assert layer.rows.tolist() == [[0, 1, 3, 4, 6, 10, 12, 13, 15, 16]]
    assert layer.columns.tolist() == [0, 0, 1, 1, 0, 2, 0, 1, 2, 3, 1, 3, 2, 2, 3, 3]
    assert layer.weight.tolist() == [4, 3, 4, 3, 2, 4, 1, 2, 3, 4, 1, 3, 2, 1, 2, 1]


@pytest.mark.parametrize(
    ("conv", "entries"),
    [((1, 12, 7), 406_272), ((12, 15, 5), 3_232_080), ((15, 25, 3), 2_521_500), ((25, 20, 3), 3_362_000)],
)
def test_stored_entries_of_the_articles_network(conv: tuple[int, int, int], entries: int) -> None:
    """Gannon 2018: the notebook prints the second and third; the others follow from the same rule."""
    channels, filters, kernel = conv
    layer = unroll(nn.Conv2d(channels, filters, kernel, padding=kernel // 2), (28, 28))
    assert len(layer.weight) == layer.stored == entries


def test_the_matrix_is_never_an_array() -> None:
    """As one, this would be 17 GB."""
    layer = unroll(nn.Conv2d(1, 1, 3, padding=1), (256, 256))
    assert len(layer.weight) == (3 * 256 - 2) ** 2
    assert layer(torch.rand(1, 1, 256, 256)).shape == (1, 1, 256, 256)


def test_a_kernel_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ModelError, match="reaches over 5x5 pixels does not fit 4x9 images"):
        unroll(nn.Conv2d(1, 1, 3, dilation=2), (4, 9))


@pytest.mark.parametrize("mode", ["reflect", "circular"])
def test_padding_that_repeats_more_pixels_than_there_are_is_refused(mode: str) -> None:
    with pytest.raises(ModelError, match=rf"{mode} padding \(5, 5\) does not fit 4x9 images"):
        unroll(nn.Conv2d(1, 1, 3, padding=5, padding_mode=mode), (4, 9))


def small_parana() -> nn.Module:
    return models.parana_cnn(10, image_size=8, channels=(3, 4, 5, 2), hidden=(20, 15)).eval()


def test_a_decoupled_network_has_the_same_logits_and_classes() -> None:
    model, x = small_parana(), torch.rand(50, 1, 8, 8)
    decoupled = decouple(model, x[:2])
    assert [type(decoupled.get_submodule(f"conv{i}")) for i in (1, 2, 3, 4)] == [SparseLayer] * 4
    torch.testing.assert_close(decoupled(x), model(x), rtol=0, atol=1e-4)
    assert torch.equal(decoupled(x).argmax(1), model(x).argmax(1))
    assert isinstance(model.conv1, nn.Conv2d)


def test_convolutions_anywhere_in_a_network_are_decoupled() -> None:
    model, x = models.wide_resnet(10, depth=10, widen=1).eval(), torch.rand(1, 3, 8, 8)
    decoupled = decouple(model, x)
    assert not any(isinstance(module, nn.Conv2d) for module in decoupled.modules())
    torch.testing.assert_close(decoupled(x), model(x), rtol=1e-4, atol=1e-4)


def test_connections_are_pruned_one_by_one() -> None:
    model, x = small_parana(), torch.rand(5, 1, 8, 8)
    decoupled = decouple(model, x)
    stored = decoupled.conv2.stored
    masks = prune(decoupled, Magnitude(), sparsity=0.3, scope="per_layer")
    assert masks["conv2.weight"].shape == (stored,)
    assert int((~masks["conv2.weight"]).sum()) == int(0.3 * stored)
    assert sparsity(decoupled).weights == pytest.approx(0.3, abs=1e-3)
    size = decoupled.conv2.weight.detach().abs()
    assert size[masks["conv2.weight"]].min() > 0
    shared = unroll(model.conv2, (8, 8)).weight.detach().abs()
    assert shared[~masks["conv2.weight"]].max() <= shared[masks["conv2.weight"]].min()


def test_activated_values_of_connections_are_weights_times_mean_inputs() -> None:
    layer, x = unroll(nn.Conv2d(2, 3, 3, padding=1), (4, 5)), torch.rand(7, 2, 4, 5)
    activated = ActivatedValue()(nn.Sequential(layer), x)["0.weight"]
    wanted = torch.zeros(len(layer.weight))
    rows = layer.rows[0].tolist()
    for row in range(60):
        for k in range(rows[row], rows[row + 1]):
            pixel, channel = divmod(int(layer.columns[k]), 2)
            wanted[k] = layer.weight[k].detach().abs() * x[:, channel, pixel // 5, pixel % 5].mean()
    torch.testing.assert_close(activated, wanted)


def test_a_pruned_decoupled_network_trains_and_its_zeros_stay() -> None:
    splits = data.stripes(train=64, test=8, classes=10, size=8)
    model = decouple(small_parana(), torch.rand(1, 1, 8, 8))
    masks = prune(model, Magnitude(), sparsity=0.8, scope="per_layer")
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    fit(model, splits.train, CrossEntropy(), epochs=1, batch_size=16, constraints=[Hold(masks)], stop_at_chance=False)
    for i in (1, 2, 3, 4):
        weight, keep = model.get_parameter(f"conv{i}.weight"), masks[f"conv{i}.weight"]
        assert not weight[~keep].any() and not torch.equal(weight, before[f"conv{i}.weight"])


@pytest.mark.long
def test_the_articles_network_keeps_every_class_when_decoupled() -> None:
    model, x = models.parana_cnn(10).eval(), torch.rand(250, 1, 28, 28)
    decoupled = decouple(model, x[:1])
    with torch.no_grad():
        logits, wanted = decoupled(x), model(x)
    torch.testing.assert_close(logits, wanted, rtol=0, atol=1e-4)
    assert torch.equal(logits.argmax(1), wanted.argmax(1))


def test_convolutions_are_decoupled_by_name_or_pattern_and_others_left() -> None:
    model, x = small_parana(), torch.rand(3, 1, 8, 8)
    some = decouple(model, x, layers=["conv[12]", "conv4"])
    assert [type(some.get_submodule(f"conv{i}")) for i in (1, 2, 3, 4)] == [*[SparseLayer] * 2, nn.Conv2d, SparseLayer]
    torch.testing.assert_close(some(x), model(x), rtol=0, atol=1e-4)
    with pytest.raises(ModelError, match="layers: 'fc1' is no convolution that ran; there are conv1, conv2"):
        decouple(model, x, layers="fc1")


def test_pruned_connections_are_deleted_from_a_copy() -> None:
    model, x = decouple(small_parana(), torch.rand(1, 1, 8, 8)), torch.rand(3, 1, 8, 8)
    prune(model, Magnitude(), sparsity=0.5, scope="per_layer", layers=["conv*"])
    stored, small = len(model.conv2.weight), without_zeros(model)
    assert (len(small.conv2.weight), small.conv2.stored, len(model.conv2.weight)) == (
        stored - stored // 2,
        stored,
        stored,
    )
    torch.testing.assert_close(small(x), model(x))


def test_a_network_without_convolutions_is_not_decoupled() -> None:
    with pytest.raises(ModelError, match="nothing to decouple"):
        decouple(models.mlp(10, image_size=4, hidden=(3,)), torch.rand(1, 1, 4, 4))


def test_a_convolution_for_images_of_two_sizes_is_not_one_matrix() -> None:
    class Pyramid(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.conv(x).mean((2, 3)) + self.conv(F.avg_pool2d(x, 2)).mean((2, 3))

    with pytest.raises(ModelError, match=r"'conv' runs on images of several sizes, \[\(4, 4\), \(8, 8\)\]"):
        decouple(Pyramid(), torch.rand(1, 1, 8, 8))
