"""Inside `attacking` convolutions send gradients back by other formulas; they must be the same gradients."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from blackthorn.attacks.gradients import attacking
from blackthorn.models import wang_cnn
from blackthorn.speed.strided import phased


def pulled_back(conv: Callable[[Tensor], Tensor], x: Tensor, upstream: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(conv(x), x, upstream)
    return gradient


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_the_fast_backward_pass_of_a_strided_convolution_equals_torchs(data: st.DataObject) -> None:
    stride, taps = data.draw(st.integers(2, 4), "stride"), data.draw(st.integers(2, 4), "taps")
    kernel = stride * taps
    pad = data.draw(st.tuples(st.integers(0, kernel - 1), st.integers(0, kernel - 1)), "padding")
    sides = [data.draw(st.integers(max(1, kernel - 2 * p), kernel + 11), "size") for p in pad]
    batch, channels, out = (data.draw(st.integers(1, 4), name) for name in ("batch", "channels", "out"))
    torch.manual_seed(data.draw(st.integers(0, 99), "seed"))
    conv = nn.Conv2d(channels, out, kernel, stride, pad, bias=data.draw(st.booleans(), "bias"))
    x = torch.randn(batch, channels, *sides)
    upstream = torch.randn_like(conv(x))
    expected = pulled_back(conv, x, upstream)
    with attacking(conv) as forward:
        assert torch.allclose(forward(x), nn.Conv2d.forward(conv, x), atol=1e-5)
        chosen = pulled_back(forward, x, upstream)
    phases = phased(conv.requires_grad_(False), [conv])[conv]
    for found in (chosen, pulled_back(phases, x, upstream)):
        assert torch.allclose(found, expected, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(2, 2, 4, stride=2, groups=2),
        nn.Conv2d(2, 2, 4, stride=2, dilation=2),
        nn.Conv2d(2, 2, 4, stride=2, padding_mode="reflect", padding=1),
        nn.Conv2d(2, 2, (4, 6), stride=2),
        nn.Conv2d(2, 2, 3, stride=2),
        nn.Conv2d(2, 2, 3),
        nn.Conv2d(2, 64, 1),
    ],
    ids=str,
)
def test_convolutions_of_another_form_keep_torchs_backward_pass(conv: nn.Conv2d) -> None:
    x = torch.randn(2, 2, 12, 12)
    upstream = torch.randn_like(conv(x))
    expected = pulled_back(conv, x, upstream)
    with attacking(conv) as forward:
        assert torch.equal(pulled_back(forward, x, upstream), expected)


def test_a_convolution_with_hooks_is_left_alone() -> None:
    conv = nn.Conv2d(1, 2, 4, stride=2)
    calls = []
    conv.register_forward_hook(lambda *_: calls.append(1))
    with attacking(conv) as forward:
        pulled_back(forward, torch.randn(1, 1, 8, 8), torch.randn(1, 2, 3, 3))
    assert calls == [1]


def test_attacking_leaves_modes_gradient_flags_and_methods_as_they_were() -> None:
    model = wang_cnn().train()
    first = next(model.parameters())
    first.requires_grad_(False)
    next(m for m in model.modules() if isinstance(m, nn.Linear)).eval()
    before = [(m.training, "forward" in vars(m)) for m in model.modules()]
    learning = [p.requires_grad for p in model.parameters()]
    with pytest.raises(KeyError), attacking(model):
        assert not any(m.training for m in model.modules())
        assert not any(p.requires_grad for p in model.parameters())
        raise KeyError
    assert [(m.training, "forward" in vars(m)) for m in model.modules()] == before
    assert [p.requires_grad for p in model.parameters()] == learning


def test_attacking_inside_attacking_still_computes_the_gradient() -> None:
    conv = nn.Conv2d(1, 2, 4, stride=2)
    x, upstream = torch.randn(2, 1, 8, 8), torch.randn(2, 2, 3, 3)
    expected = pulled_back(conv, x, upstream)
    with attacking(conv), attacking(conv) as forward:
        assert torch.allclose(pulled_back(forward, x, upstream), expected, atol=1e-5)
    assert "forward" not in vars(conv)


def test_weights_changed_between_attacks_are_noticed() -> None:
    conv = nn.Conv2d(1, 2, 4, stride=2)
    x, upstream = torch.randn(2, 1, 8, 8), torch.randn(2, 2, 3, 3)
    with attacking(conv) as forward:
        before = pulled_back(forward, x, upstream)
    with torch.no_grad():
        conv.weight.mul_(2)
    with attacking(conv) as forward:
        assert torch.allclose(pulled_back(forward, x, upstream), 2 * before, atol=1e-5)


def test_bf16_gradients_are_those_of_float32_to_bf16_rounding() -> None:
    conv = nn.Conv2d(3, 8, 4, stride=2)
    x, upstream = torch.randn(2, 3, 10, 10), torch.randn(2, 8, 4, 4)
    expected = pulled_back(conv, x, upstream)
    with attacking(conv) as forward, torch.autocast("cpu", torch.bfloat16):
        found = pulled_back(forward, x, upstream.bfloat16())
    assert found.dtype == torch.float32
    assert (found - expected).norm() < 0.01 * expected.norm()
