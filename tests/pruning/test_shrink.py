import copy
import warnings
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn import models
from blackthorn.errors import PruningError
from blackthorn.pruning import FilterNorm, Hold, Magnitude, prune, resize_, shrink

from ..channels import networks
from ..channels.networks import images, lively

WIRED = [
    networks.Chain,
    networks.Concat,
    networks.Depthwise,
    networks.SqueezeExcite,
    networks.PaddedShortcut,
    networks.Exotic,
    networks.Tied,
    networks.Shuffled,
    networks.InstanceNormed,
]
BUILT = {  # narrow ones of those that are large: their wiring is the same
    "wang_cnn": (models.wang_cnn, False),
    "lenet5_caffe": (models.lenet5_caffe, False),
    "vgg16": (partial(models.vgg16, width=16), False),
    "resnet18": (partial(models.resnet18, width=16), False),
    "wide_resnet": (partial(models.wide_resnet, depth=16, widen=2), False),
    "wide_resnet, coupled": (partial(models.wide_resnet, depth=16, widen=2), True),
}


def size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def masked_and_shrunk(model: nn.Module, x: Tensor, rate: float, *, coupled: bool) -> tuple[nn.Module, nn.Module]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # layers that must stay whole
        masks = prune(model, FilterNorm(), sparsity=rate, scope="per_layer", coupled=coupled, x=x)
    return model, shrink(model, masks, example=x)


@pytest.mark.parametrize("coupled", [False, True])
@pytest.mark.parametrize("rate", [0.5, 0.75])
@pytest.mark.parametrize("build", WIRED)
def test_shrunk_is_masked_however_a_network_is_wired(build: type[nn.Module], rate: float, coupled: bool) -> None:
    masked, small = masked_and_shrunk(lively(build()), images(), rate, coupled=coupled)
    assert size(small) < size(masked)
    for seed in range(3):
        torch.testing.assert_close(small(images(seed)), masked(images(seed)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", BUILT)
def test_shrunk_is_masked_for_our_networks(name: str) -> None:
    build, coupled = BUILT[name]
    model = lively(build(10))
    x = torch.rand(2, model.architecture["in_channels"], *[model.architecture["image_size"]] * 2)
    masked, small = masked_and_shrunk(model, x, 0.5, coupled=coupled)
    for batch in (x, torch.rand_like(x).repeat(3, 1, 1, 1), 0.1 * x[:1]):
        logits = masked(batch)
        torch.testing.assert_close(small(batch), logits, rtol=0, atol=1e-5 * float(logits.detach().abs().max()))


@pytest.mark.slow
def test_half_of_all_channels_is_a_quarter_of_the_weights_as_in_torch_pruning() -> None:
    # torch-pruning 1.6 on the same networks, residual groups too: 2.80 M and 1.46 M parameters
    for build, left in ((models.resnet18, 2_797_610), (models.wrn28_4, 1_464_818)):
        model = build(10)
        _, small = masked_and_shrunk(model, torch.rand(1, 3, 32, 32), 0.5, coupled=True)
        assert size(small) == left


def test_the_given_network_is_not_touched() -> None:
    model = lively(networks.Chain())
    dense = copy.deepcopy(model)
    masks = prune(copy.deepcopy(model), FilterNorm(), sparsity=0.5, x=images())
    shrink(model, masks, example=images())
    assert all(torch.equal(tensor, dense.state_dict()[name]) for name, tensor in model.state_dict().items())


def test_a_constant_unit_of_a_linear_network_moves_into_the_next_bias() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Sigmoid(), nn.Linear(3, 2))
    with torch.no_grad():
        model[1].weight[1] = 0
        model[1].bias[1] = 1.0
    small = shrink(model, None, example=torch.rand(1, 1, 2, 2))
    assert small[1].out_features == 2
    moved = model[3].bias + model[3].weight[:, 1] * torch.sigmoid(torch.tensor(1.0))
    torch.testing.assert_close(small[3].bias, moved)


def test_a_unit_that_nobody_reads_goes() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    with torch.no_grad():
        model[3].weight[:, 2] = 0
    assert shrink(model, None, example=torch.rand(1, 1, 2, 2))[1].out_features == 2


def test_a_constant_before_a_padded_convolution_stays() -> None:
    model = lively(networks.Chain())
    with torch.no_grad():
        model[0].weight[0] = 0
        model[0].bias[0] = 1.0
        model[1].bias[0] = 1.0  # the norm makes it positive, relu lets it through, the next pads with zeros
        model[3].weight[7] = 0
        model[3].bias[7] = -1.0  # relu makes this one 0
    small = shrink(model, None, example=images())
    assert (small[0].out_channels, small[3].out_channels) == (6, 7)


def test_a_layer_without_any_live_channel_keeps_one() -> None:
    model = lively(networks.Chain())
    with torch.no_grad():
        for name in ("3.weight", "3.bias"):
            model.get_parameter(name).zero_()
    small = shrink(model, None, example=images())
    assert small[3].out_channels == 1 and small[7].in_features == 16


def test_shrunk_is_masked_after_training_under_hold() -> None:
    model = lively(models.wide_resnet(10, depth=16, widen=2)).train()
    masks = prune(model, FilterNorm(), sparsity=0.5, scope="per_layer")
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    for _ in range(2):
        F.cross_entropy(model(torch.rand(4, 3, 32, 32)), torch.arange(4)).backward()
        optimiser.step()
        Hold(masks).after_step(model)
    small = shrink(model, masks, example=torch.rand(1, 3, 32, 32))
    assert size(small) < 0.6 * size(model) and small.training


def test_the_shrunk_network_trains() -> None:
    _, small = masked_and_shrunk(lively(networks.Chain()), images(), 0.5, coupled=False)
    F.cross_entropy(small.train()(images()), torch.zeros(4, dtype=torch.int64)).backward()
    assert all(p.grad is not None and p.grad.shape == p.shape for p in small.parameters())


def test_single_zero_weights_shrink_nothing() -> None:
    model = lively(networks.Chain())
    masks = prune(model, Magnitude(), sparsity=0.3)
    same = shrink(model, masks, example=images())
    assert size(same) == size(model) and same is not model
    assert torch.equal(same(images()), model(images()))


def test_a_size_written_in_the_code_is_found_and_named() -> None:
    model = lively(networks.HardCoded())
    with pytest.warns(UserWarning, match=r"'conv' can be zeroed but not cut out: .*line \d+: .*view\(-1, 8 \* 64\)"):
        masks = prune(model, FilterNorm(), sparsity=0.5, x=images())
    with pytest.raises(PruningError, match=r"fails in 'out', networks.py line \d+: .*view\(-1, 8 \* 64\)"):
        shrink(model, masks, example=images())


class Counting(nn.Module):
    """The number of channels changes what is computed, in a way that no trace of tensors shows."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.out = nn.Conv2d(3, 8, 3), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.out(x.mean((2, 3)) * float(x.shape[1]))


def test_a_wrong_result_is_never_given_out() -> None:
    model = Counting()
    with pytest.warns(UserWarning, match="'conv' can be zeroed but not cut out: shrunk and masked network differ"):
        masks = prune(model, FilterNorm(), sparsity=0.5, x=images())
    with pytest.raises(PruningError, match="shrunk and masked network differ"):
        shrink(model, masks, example=images())


def test_resize_makes_room_for_the_tensors_of_a_shrunk_network() -> None:
    _, small = masked_and_shrunk(lively(networks.Depthwise()), images(), 0.5, coupled=True)
    other = networks.Depthwise().eval()
    resize_(other, {name: tensor.shape for name, tensor in small.state_dict().items()})
    other.load_state_dict(small.state_dict())
    assert torch.equal(other(images()), small(images()))


@pytest.mark.parametrize(
    ("shapes", "says"),
    [({"0.wight": (1,)}, "did you mean '0.weight'"), ({"0.weight": (9, 3, 3, 3)}, "cannot be shrunk to")],
)
def test_resize_refuses_what_does_not_fit(shapes: dict[str, tuple[int, ...]], says: str) -> None:
    with pytest.raises(PruningError, match=says):
        resize_(networks.Chain(), shapes)
