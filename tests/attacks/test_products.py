"""Convolutions as products of matrices compute what torch computes, there and back."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from blackthorn.attacks.gradients import attacking
from blackthorn.speed import products
from blackthorn.speed.convolutions import fast_convolutions

from .test_gradients import pulled_back


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_first_convolution_sends_back_what_torchs_does(data: st.DataObject) -> None:
    kernel = data.draw(st.tuples(st.integers(1, 5), st.integers(2, 5)), "kernel")
    stride = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)), "stride")
    pad = data.draw(st.tuples(st.integers(0, 3), st.integers(0, 3)), "padding")
    sides = [k + data.draw(st.integers(0, 6), "more") for k in kernel]
    channels = data.draw(st.integers(1, 3), "channels")
    torch.manual_seed(data.draw(st.integers(0, 99), "seed"))
    conv = nn.Conv2d(channels, 16 * channels, kernel, stride, pad, bias=data.draw(st.booleans(), "bias"))
    conv.requires_grad_(False)
    x = torch.randn(data.draw(st.integers(1, 4), "batch"), channels, *sides)
    upstream = torch.randn_like(conv(x))
    expected = pulled_back(conv, x, upstream)
    leaf = x.clone().requires_grad_()
    found = products.as_product(conv, leaf, input_gradient=True)
    assert found is not None and torch.allclose(found, conv(x), atol=1e-5)
    (gradient,) = torch.autograd.grad(found, leaf, upstream)
    assert torch.allclose(gradient, expected, atol=1e-5 * expected.abs().max().item())


def test_many_images_are_sent_back_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    conv = nn.Conv2d(1, 16, 3).requires_grad_(False)
    x = torch.randn(7, 1, 6, 6)
    upstream = torch.randn_like(conv(x))
    with attacking(conv) as forward:
        whole = pulled_back(forward, x, upstream)
        monkeypatch.setattr(products, "_PIECE", 2 * 9 * 16)  # two images
        assert torch.allclose(pulled_back(forward, x, upstream), whole, atol=1e-6)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_a_kernel_that_covers_its_input_is_a_linear_layer_also_while_it_learns(layout: torch.memory_format) -> None:
    conv = nn.Conv2d(3, 5, (4, 2))
    conv.weight.data = conv.weight.data.to(memory_format=layout)
    x, upstream = torch.randn(2, 3, 4, 2), torch.randn(2, 5, 1, 1)
    expected = torch.autograd.grad(conv(x), [conv.weight, conv.bias], upstream)
    with fast_convolutions(conv):
        found = torch.autograd.grad(conv(x), [conv.weight, conv.bias], upstream)
        assert torch.allclose(conv(x), F.conv2d(x, conv.weight, conv.bias), atol=1e-5)
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(found, expected))


@pytest.mark.parametrize("conv", [nn.Conv2d(3, 8, 3), nn.Conv2d(8, 128, 3), nn.Conv2d(1, 64, 1)], ids=str)
def test_where_a_product_is_no_faster_torch_does_it(conv: nn.Conv2d) -> None:
    x = torch.randn(2, conv.in_channels, 8, 8, requires_grad=True)
    assert products.as_product(conv, x, input_gradient=True) is None


def test_weights_that_learn_get_their_gradient_in_a_first_convolution() -> None:
    conv = nn.Conv2d(1, 16, 3)
    x, upstream = torch.randn(2, 1, 8, 8, requires_grad=True), torch.randn(2, 16, 6, 6)
    expected = torch.autograd.grad(conv(x), conv.weight, upstream)[0]
    with fast_convolutions(conv):
        assert torch.equal(torch.autograd.grad(conv(x), conv.weight, upstream)[0], expected)
