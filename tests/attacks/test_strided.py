"""Strided convolutions in a row that pass on the phases of their images compute what torch computes."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from blackthorn.attacks.gradients import attacking
from blackthorn.models import wang_cnn
from blackthorn.speed.strided import phased


@contextmanager
def by_phases(model: nn.Module) -> Iterator[nn.Module]:
    """As `attacking` does on processors where it pays; here on any."""
    with attacking(model):
        for conv, way in phased(model, [m for m in model.modules() if type(m) is nn.Conv2d]).items():
            conv.forward = way
        yield model


def gradient(forward, x: Tensor, upstream: Tensor) -> Tensor:
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(forward(leaf), leaf, upstream)[0]


@pytest.mark.slow
@settings(deadline=None)
@given(st.data())
def test_two_strided_convolutions_in_a_row_equal_torchs(data: st.DataObject) -> None:
    strides = [data.draw(st.integers(2, 3), "stride") for _ in range(2)]
    kernels = [stride * data.draw(st.integers(2, 3), "taps") for stride in strides]
    pad = data.draw(st.tuples(st.integers(0, kernels[0] - 1), st.integers(0, kernels[0] - 1)), "padding")
    widths = [data.draw(st.integers(1, 3), "channels") for _ in range(3)]
    over = data.draw(st.tuples(st.integers(0, strides[0] - 1), st.integers(0, strides[0] - 1)), "over")
    rows = [kernels[1] + data.draw(st.integers(0, 5), "rows") for _ in range(2)]  # of the first output
    sides = [strides[0] * (n - 1) + kernels[0] - 2 * p + o for n, p, o in zip(rows, pad, over)]
    assume(min(sides) > 0)
    torch.manual_seed(data.draw(st.integers(0, 99), "seed"))
    model = nn.Sequential(
        nn.Conv2d(widths[0], widths[1], kernels[0], strides[0], pad, bias=data.draw(st.booleans(), "bias")),
        nn.ReLU(),
        nn.Conv2d(widths[1], widths[2], kernels[1], strides[1]),
    )
    x = torch.randn(2, widths[0], *sides)
    logits = model(x)
    upstream = torch.randn_like(logits)
    expected = gradient(model, x, upstream)
    with by_phases(model) as forward:
        assert torch.allclose(forward(x.clone().requires_grad_()), logits, atol=1e-5)
        assert torch.allclose(gradient(forward, x, upstream), expected, atol=1e-5 * max(1, float(expected.abs().max())))


def test_the_phases_are_passed_on_between_the_convolutions_of_wang_cnn() -> None:
    model, seen = wang_cnn(), []
    with by_phases(model) as forward:
        inner = model.conv2.forward
        model.conv2.forward = lambda x: seen.append(tuple(x.shape)) or inner(x)
        forward(torch.rand(1, 1, 28, 28).requires_grad_())
    assert seen == [(1, 32 * 4, 7, 7)]


@pytest.mark.parametrize("between", [nn.Sequential(nn.ReLU()), nn.MaxPool2d(2), nn.Softmax2d()], ids=str)
def test_nothing_but_a_relu_may_lie_between(between: nn.Module) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 4, 2, 1), between, nn.Conv2d(2, 3, 4, 2))
    x = torch.randn(2, 1, 28, 28)
    upstream = torch.randn_like(model(x))
    expected = gradient(model, x, upstream)
    with by_phases(model) as forward:
        assert torch.allclose(gradient(forward, x, upstream), expected, atol=1e-5)


def test_a_network_that_looks_between_its_layers_sees_whole_images() -> None:
    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(1, 2, 4, 2), nn.ReLU(), nn.Conv2d(2, 3, 4, 2))

        def forward(self, x: Tensor) -> Tensor:
            seen.append(tuple(self.features[:2](x).shape))
            return self.features(x).flatten(1)

    seen: list[tuple[int, ...]] = []
    model = Watching()
    with by_phases(model) as forward:
        forward(torch.rand(1, 1, 18, 18).requires_grad_())
    assert seen == [(1, 2, 8, 8)]


def test_a_watched_relu_sees_whole_images() -> None:
    model, seen = nn.Sequential(nn.Conv2d(1, 2, 4, 2), nn.ReLU(), nn.Conv2d(2, 3, 4, 2)), []
    model[1].register_forward_hook(lambda _, __, out: seen.append(tuple(out.shape)))
    with by_phases(model) as forward:
        forward(torch.rand(1, 1, 18, 18).requires_grad_())
    assert seen == [(1, 2, 8, 8)]
