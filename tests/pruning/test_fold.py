"""A folded network is a plain one, smaller, that computes what the gated one expects."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn import models
from blackthorn.errors import PruningError
from blackthorn.gates import insert_gates, places
from blackthorn.pruning import fold_gates, without_gates

from ..channels.networks import images, lively
from ..gates.networks import half_closed
from .foreign import NETWORKS


def size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def alike(small: nn.Module, gated: nn.Module, *batches: Tensor) -> None:
    for batch in batches:
        wanted = gated(batch)
        torch.testing.assert_close(small(batch), wanted, rtol=0, atol=2e-5 * float(wanted.detach().abs().max()))


def plain(model: nn.Module) -> bool:
    hooks = any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    return (
        not places(model) and not hooks and not any("_gate" in name or "_units" in name for name in model.state_dict())
    )


def folded(model: nn.Module, x: Tensor, *, linear: str, seed: int) -> tuple[nn.Module, nn.Module]:
    gated = half_closed(insert_gates(lively(model), x, linear=linear), seed=seed).eval()  # type: ignore[arg-type]
    return gated, fold_gates(gated, example=x)


@pytest.mark.parametrize("linear", ["input", "output"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_lenet_folds_to_its_open_units(linear: str, seed: int) -> None:
    torch.manual_seed(seed)
    gated, small = folded(models.lenet5_caffe(), torch.rand(3, 1, 28, 28), linear=linear, seed=seed)
    alike(small, gated, torch.rand(9, 1, 28, 28), torch.zeros(1, 1, 28, 28), torch.ones(2, 1, 28, 28))
    masks = {place.layer: place.mask != 0 for place in places(gated)}
    sizes = [small.conv1.out_channels, small.conv2.out_channels, small.fc1.out_features]
    read = masks["fc1"].view(50, 16).any(1) if linear == "input" else torch.tensor(True)
    hidden = masks["out"] if linear == "input" else masks["fc1"]
    assert sizes == [int(masks["conv1"].sum()), int((masks["conv2"] & read).sum()), int(hidden.sum())]
    assert plain(small) and size(small) < size(gated) / 2


@pytest.mark.long
@pytest.mark.parametrize(("build", "linear"), [(models.vgg16_anp, "input"), (models.resnet18, "output")])
def test_deep_networks_fold_with_one_channel_more_a_layer_at_most(build: type[nn.Module], linear: str) -> None:
    torch.manual_seed(0)
    x = torch.rand(2, 3, 32, 32)
    gated, small = folded(build(), x, linear=linear, seed=0)
    alike(small, gated, torch.rand(3, 3, 32, 32), torch.zeros(1, 3, 32, 32))
    assert plain(small)
    for place in places(gated):
        layer = small.get_submodule(place.layer)
        if isinstance(layer, nn.Conv2d):
            open_units = int((place.mask != 0).sum())
            assert layer.out_channels in (open_units, open_units + 1)


@pytest.mark.filterwarnings("ignore:left without a gate")
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("build", NETWORKS)
def test_foreign_networks_fold(build: type[nn.Module], seed: int) -> None:
    torch.manual_seed(seed)
    gated, small = folded(build(), images(), linear="output", seed=seed)
    alike(small, gated, images(7), images(8)[:1], torch.zeros(1, 3, 8, 8))
    assert plain(small) and size(small) < size(gated)


class Padded(nn.Sequential):
    """A closed channel behind a norm is a constant, which the next convolution reads with zeros around it."""

    def __init__(self, *, bias: bool = True) -> None:
        super().__init__(
            nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3, padding=1, bias=bias),
            nn.ReLU(), nn.Flatten(), nn.Linear(4 * 25, 3),
        )  # fmt: skip


def closed_but_one(model: nn.Module, x: Tensor) -> nn.Module:
    gated = insert_gates(lively(model), x)
    with torch.no_grad():
        model[1].bias.fill_(0.0)
        gate = places(gated)[0].gating.gate
        gate.a.fill_(-9.0)
        gate.a[2] = 1.0
    return gated.eval()


@pytest.mark.parametrize("bias", [True, False])
def test_where_zeros_are_padded_one_channel_stands_for_all_constants(bias: bool) -> None:
    torch.manual_seed(3)
    x = torch.rand(4, 1, 5, 5)
    gated = closed_but_one(Padded(bias=bias), x)
    constant = F.relu(gated[1](torch.zeros(1, 6, 5, 5)))[0, :, 0, 0]
    assert int((constant != 0).sum()) >= 3  # several channels are constants other than zero
    small = fold_gates(gated, example=x)
    alike(small, gated, x, torch.rand(9, 1, 5, 5))
    assert small[0].out_channels == 2 == small[3].in_channels


def test_a_bias_alone_would_be_wrong_at_the_border() -> None:
    """Why a channel stays: the sum of the constants' weights is not what a convolution reads beside its padding."""
    torch.manual_seed(3)
    gated = closed_but_one(Padded(), torch.rand(4, 1, 5, 5))
    constant = F.relu(gated[1](torch.zeros(1, 6, 5, 5)))
    read = F.conv2d(constant, gated[3].weight, padding=1)[0]
    assert (read[:, 2, 2] - read[:, 0, 0]).abs().max() > 0.05


def test_dropping_the_constants_is_smaller_and_another_function() -> None:
    torch.manual_seed(3)
    x = torch.rand(4, 1, 5, 5)
    gated = closed_but_one(Padded(), x)
    small = fold_gates(gated, example=x, exact=False)
    assert small[0].out_channels == 1
    assert (small(x) - gated(x)).abs().max() > 1e-3


def test_the_gated_network_is_left_alone_and_the_mode_is_kept() -> None:
    torch.manual_seed(0)
    x = torch.rand(4, 1, 5, 5)
    gated = closed_but_one(Padded(), x).train()
    before = {name: tensor.clone() for name, tensor in gated.state_dict().items()}
    small = fold_gates(gated, example=x)
    assert small.training and gated.training and places(gated)
    assert all(torch.equal(tensor, before[name]) for name, tensor in gated.state_dict().items())


def test_before_anything_is_cut_the_network_has_its_full_size() -> None:
    torch.manual_seed(0)
    x = torch.rand(4, 1, 5, 5)
    gated = closed_but_one(Padded(), x)
    full = without_gates(gated, example=x)
    assert plain(full) and full[0].out_channels == 6
    alike(full, gated, x)


def test_a_network_without_gates_is_refused() -> None:
    with pytest.raises(PruningError, match="no gates to fold; insert them first"):
        fold_gates(Padded(), example=torch.rand(4, 1, 5, 5))
