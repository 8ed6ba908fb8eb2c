"""Sparse layers as ordinary ones compute the same, and a convolution that was unrolled is one again."""

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from blackthorn.deploy import unroll
from blackthorn.deploy.dense import dense_form
from blackthorn.deploy.sparse_layer import from_linear
from blackthorn.errors import ModelError


def test_a_linear_layer_comes_back() -> None:
    linear = nn.Linear(5000, 7)
    linear.weight.data *= torch.rand_like(linear.weight) > 0.9
    again = dense_form(from_linear(linear), "fc")
    assert isinstance(again, nn.Linear)
    assert torch.equal(again.weight, linear.weight) and torch.equal(again.bias, linear.bias)


@settings(max_examples=30, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 1)),
    dilation=st.integers(1, 2),
    groups=st.sampled_from([1, 2]),
    zeros=st.sampled_from([0.0, 0.7, 1.0]),
    seed=st.integers(0, 99),
)
@example(kernel=(1, 4), stride=(1, 1), padding=(0, 0), dilation=2, groups=1, zeros=0.0, seed=0)
def test_an_unrolled_convolution_is_one_again(kernel, stride, padding, dilation, groups, zeros, seed) -> None:
    torch.manual_seed(seed)
    conv = nn.Conv2d(2, 4, kernel, stride, padding, dilation, groups)
    conv.weight.data *= torch.rand_like(conv.weight) >= zeros
    x = torch.rand(3, 2, 9, 8)
    again = dense_form(unroll(conv, (9, 8)).without_zeros(), "conv")
    assert any(isinstance(one, nn.Conv2d) for one in again.modules())
    with torch.no_grad():
        torch.testing.assert_close(again(x), conv(x), atol=1e-5, rtol=1e-5)


def test_connections_that_differ_from_place_to_place_become_a_full_matrix() -> None:
    layer = unroll(nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect"), (5, 4))
    layer.weight.data[::2] = 0
    again, x = dense_form(layer, "conv"), torch.rand(2, 2, 5, 4)
    assert not any(isinstance(one, nn.Conv2d) for one in again.modules())
    with torch.no_grad():
        torch.testing.assert_close(again(x), layer(x), atol=1e-5, rtol=1e-5)


def test_a_matrix_that_no_file_holds_is_refused() -> None:
    layer = unroll(nn.Conv2d(1, 8, 3, padding=1), (72, 72))
    layer.weight.data = torch.rand_like(layer.weight)
    with pytest.raises(ModelError, match=r"'conv7' has connections of its own .* takes 0.9 GB"):
        dense_form(layer, "conv7")
