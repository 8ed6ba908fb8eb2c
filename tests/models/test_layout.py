"""Convolutions whose weights lie channels last compute what they did, and lie as they lay afterwards."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import blackthorn as bt
from blackthorn.models.layout import channels_last

_LAST = torch.channels_last


def _net() -> nn.Sequential:
    torch.manual_seed(0)
    pooled = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(pooled, nn.Conv2d(6, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))


def _strides(model: nn.Module) -> list[tuple[int, ...]]:
    return [weight.stride() for weight in model.parameters()]


def _x() -> Tensor:
    return torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def test_what_lies_between_is_in_order_and_the_numbers_are_the_same() -> None:
    net, x = _net().eval(), _x().requires_grad_()
    expected = torch.autograd.grad(net(x).square().sum(), [x, *net.parameters()])
    before, places = _strides(net), [weight.data_ptr() for weight in net.parameters()]
    between: list[Tensor] = []
    net[0].register_forward_hook(lambda module, args, output: between.append(output))
    with channels_last(net, x):
        found = torch.autograd.grad(net(x).square().sum(), [x, *net.parameters()])
    assert between[-1].is_contiguous(memory_format=_LAST)  # and for six channels of 4x4 pixels nothing else is
    assert all(torch.allclose(one, other, rtol=1e-4, atol=1e-6) for one, other in zip(found, expected))
    assert _strides(net) == before
    assert [weight.data_ptr() for weight in net.parameters()] == places


def test_weights_that_change_within_are_changed_afterwards() -> None:
    net = _net()
    with pytest.raises(KeyError), channels_last(net, _x()):
        weight = net[1].weight
        assert weight.is_contiguous(memory_format=_LAST) and not weight.is_contiguous()
        with torch.no_grad():
            weight.copy_(torch.arange(216.0).view(4, 6, 3, 3))
        raise KeyError
    assert torch.equal(net[1].weight, torch.arange(216.0).view(4, 6, 3, 3)) and net[1].weight.is_contiguous()


class _Own(nn.Module):
    def __init__(self, after: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.after, self.calls = nn.Conv2d(1, 6, 3), after, 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.after(self.conv(x))


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(lambda maps: maps.view(len(maps), -1), id="a view, which fails"),
        pytest.param(lambda maps: maps.as_strided((len(maps), 216), (216, 1)), id="memory, which is another"),
    ],
)
def test_a_network_that_cannot_bear_it_is_left_alone(after: Callable[[Tensor], Tensor]) -> None:
    net = _Own(after)
    with channels_last(net, _x()):
        assert net.conv.weight.stride() == torch.empty(6, 1, 3, 3).stride()
        assert net(_x()).shape[0] == 5
    asked = net.calls
    with channels_last(net, _x()):
        pass
    assert net.calls == asked  # it is tried once


def test_a_network_with_another_layer_is_tried_again() -> None:
    class Viewed(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.view(len(x), -1)

    net, x = _net(), _x()
    with channels_last(net, x):
        assert not net[1].weight.is_contiguous()
    net[3] = Viewed()
    with channels_last(net, x):
        net(x)


def test_random_networks_are_left_alone_and_draw_no_numbers_to_be_tried() -> None:
    """Random numbers are drawn in the order of memory, so they would fall on other pixels."""
    net = _Own(lambda maps: (maps + torch.rand_like(maps)).flatten(1))
    torch.manual_seed(3)
    with channels_last(net, _x()):
        assert net.conv.weight.stride() == torch.empty(6, 1, 3, 3).stride()
        found = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(found, torch.rand(1))


def test_a_shortcut_that_strides_over_pixels_is_left_alone() -> None:
    """torch's gradient of its weight writes beyond its memory."""
    net = _net()
    net[1] = nn.Conv2d(6, 4, 1, stride=2)
    with channels_last(net, _x()):
        assert all(weight.is_contiguous() for weight in net.parameters())
    resnet = bt.models.resnet18(width=2)
    with channels_last(resnet, torch.rand(2, 3, 32, 32)):
        assert all(weight.is_contiguous() for weight in resnet.parameters())


def test_compiled_networks_are_left_alone() -> None:
    net = torch.compile(_net(), backend="eager")
    with channels_last(net, _x()):  # type: ignore[arg-type]  # torch says a callable
        assert all(weight.is_contiguous() for weight in net.parameters())  # type: ignore[attr-defined]


def test_a_training_leaves_weights_as_they_lay_and_is_that_of_plain_steps_to_rounding() -> None:
    x, y = _x(), torch.tensor([0, 1, 2, 0, 1])
    net, plain = _net(), _net()
    ours = torch.optim.SGD(net.parameters(), 0.1)
    bt.fit(net, (x, y), bt.objectives.CrossEntropy(), epochs=3, batch_size=5, optimizer=ours, stop_at_chance=False)
    assert all(weight.is_contiguous() for weight in net.parameters())
    optimizer = torch.optim.SGD(plain.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(plain(x), y).backward()
        optimizer.step()
    for one, other in zip(net.parameters(), plain.parameters()):
        assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize(("channels", "others", "left"), [(1, False, True), (1, True, False), (8, True, "in bf16")])
def test_only_where_phases_are_handed_on_weights_stay_as_they_are(
    channels: int, others: bool, left: bool | str, bf16: bool
) -> None:
    """Phases of images leave the other layers their order; of many channels, they are for bf16 alone."""
    first = nn.Conv2d(channels, 8, 4, stride=2, padding=1)
    net = nn.Sequential(first, nn.ReLU(), *([nn.Conv2d(8, 4, 3)] if others else []), nn.Flatten()).eval()
    before = _strides(net)
    x = torch.rand(3, channels, 8, 8)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16), channels_last(net, x):
        assert (_strides(net) == before) == (bf16 if left == "in bf16" else left)
