"""Networks of every form are followed; what cannot be is refused in one line that names it."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn.bounds import crown, interval
from blackthorn.errors import AttackError, DataError, ModelError
from blackthorn.models import BUILDERS, Normalize, eval_mode

from .networks import images, margins

Y = torch.tensor([0, 1, 2, 0])


class By(nn.Module):
    """A network whose forward is a function of itself and images; it holds one linear layer."""

    def __init__(self, forward, **parts: nn.Module) -> None:
        super().__init__()
        self.out = nn.Linear(36, 3)
        for name, part in parts.items():
            self.add_module(name, part)
        self.does = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.does(self, x)


def agrees(model: nn.Module) -> None:
    x = images(4)
    with eval_mode(model):
        right = margins(model.double(), x.double(), Y)
        model.float()
    for bound in (interval, crown):
        found = bound(model, x, Y, "linf", 0.0).scatter(1, Y[:, None], 0.0)
        assert torch.allclose(found, right, atol=1e-6)


FORMS = {
    "view by size": lambda net, x: net.out(x.view(x.size(0), -1)),
    "reshape by shape": lambda net, x: net.out(x.reshape(x.shape[0], 36)),
    "flatten method": lambda net, x: net.out(x.flatten(1)).relu(),
    "constants": lambda net, x: net.out(torch.flatten((x - 0.5) / 0.25 * 2 + 1, 1)),
    "from a constant": lambda net, x: 1 - net.out((2 * (1 - x)).flatten(1)),
    "in place": lambda net, x: (lambda h: h.relu_() + h)(net.out(x.flatten(1))),
    "augmented": lambda net, x: (lambda h: h.__iadd__(torch.relu(h)))(net.out(x.flatten(1))),
    "functional": lambda net, x: F.linear(F.dropout(F.relu(x).flatten(1), 0.5, net.training), net.out.weight),
    "difference": lambda net, x: net.out(torch.relu(x).flatten(1) - torch.relu(0.5 - x).flatten(1)),
    "max pool": lambda net, x: net.out(F.max_pool2d(x, 3, 1, 1).flatten(1)),
    "average pool": lambda net, x: net.out(F.avg_pool2d(x, 3, 1, 1).flatten(1)),
    "mean": lambda net, x: F.pad(x, (0, 0)).flatten(1) if False else net.out(x.flatten(1)) + x.mean((2, 3)),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_network_is_followed_however_it_is_written(name: str) -> None:
    if name == "mean":
        net = By(lambda net, x: net.out(x.flatten(1)) + net.small(x.mean((2, 3))), small=nn.Linear(1, 3))
        agrees(net)
        return
    agrees(By(FORMS[name]))


@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_layers_over_one_axis_and_uneven_padding_are_followed() -> None:
    agrees(
        nn.Sequential(
            nn.Flatten(2),
            nn.Conv1d(1, 4, 5, stride=2, padding=1, dilation=2),
            nn.BatchNorm1d(4),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.AvgPool1d(2, padding=1),
            nn.AdaptiveAvgPool1d(2),
            nn.Flatten(),
            nn.Linear(8, 3),
        )
    )
    agrees(nn.Sequential(nn.Conv2d(1, 2, 2, padding="same"), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3)))


SMALL = [name for name in BUILDERS if name not in ("vgg16_anp", "wrn28_4")]


@pytest.mark.parametrize("name", SMALL)
def test_every_network_of_ours_is_followed(name: str) -> None:
    side, channels = (28, 1) if name in ("wang_cnn", "mlp", "lenet5_caffe", "parana_cnn") else (32, 3)
    small = {
        "mlp": {"hidden": [20, 10]},
        "parana_cnn": {"channels": [2, 2, 2, 2], "hidden": [10]},
        "wide_resnet": {"depth": 10, "widen": 1},
        "wang_cnn": {"channels": [4, 4, 4]},
    }
    options = {"in_channels": channels, "image_size": side, "mean": [0.4] * channels, "std": [0.3] * channels}
    model = BUILDERS[name](10, **options, **small.get(name, {}))
    x = torch.rand(2, channels, side, side)
    assert interval(model, x, torch.tensor([1, 2]), "linf", 1e-6).shape == (2, 10) and model.training


@pytest.mark.parametrize(
    "name, options", [("wide_resnet", {"depth": 10, "widen": 1}), ("parana_cnn", {"hidden": [10]})]
)
def test_crown_bounds_our_residual_and_our_padded_networks(name: str, options: dict[str, object]) -> None:
    model = BUILDERS[name](3, in_channels=1, image_size=6, **options)
    x, y = images(1), Y[:1]
    assert (crown(model, x, y, "linf", 1e-3) >= interval(model, x, y, "linf", 1e-3)).all()


REFUSED = {
    "sigmoid": By(lambda net, x: net.out(x.flatten(1)).sigmoid()),
    "GELU": nn.Sequential(nn.Flatten(), nn.GELU(), nn.Linear(36, 3)),
    "softmax": By(lambda net, x: net.out(x.flatten(1)).softmax(1)),
    "cat": By(lambda net, x: net.out(torch.cat([x.flatten(1)[:, :18], x.flatten(1)[:, 18:]], 1))),
    "statistics of the batch": nn.Sequential(
        nn.BatchNorm2d(1, track_running_stats=False), nn.Flatten(), nn.Linear(36, 3)
    ),
    "padding_mode='circular'": nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular"), nn.Flatten()),
    "mul of two tensors": By(lambda net, x: net.out((x * x).flatten(1))),
    "cannot trace": By(lambda net, x: net.out(x.flatten(1)) if x.sum() > 0 else net.out(1 - x.flatten(1))),
    "round": By(lambda net, x: net.out(torch.round(x).flatten(1))),
    "first axis": By(lambda net, x: net.out(x.flatten(1)).mean(0, keepdim=True)),
    "randn_like": By(lambda net, x: net.out((x + torch.randn_like(x)).flatten(1))),
    "item": By(lambda net, x: net.out(x.flatten(1)) * x.max().item()),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_bounds_is_refused_by_name_in_one_line(name: str) -> None:
    with pytest.raises(ModelError) as refused:
        interval(REFUSED[name], images(4), Y, "linf", 0.1)
    said = str(refused.value)
    known = {"cat": "getitem", "item": "max", "statistics of the batch": "statistics of the batch"}
    assert known.get(name, name) in said and "\n" not in said and said.startswith("bounds: ")


def test_hooks_are_refused() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    model[1].register_forward_hook(lambda module, args, out: out * 2)
    with pytest.raises(ModelError, match="Linear"):
        interval(model, images(4), Y, "linf", 0.1)


def test_a_layer_that_is_not_what_its_type_says_is_refused() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    model[1].forward = lambda x: F.linear(x, model[1].weight) * 3  # type: ignore[method-assign]
    with pytest.raises(ModelError, match="answers otherwise"):
        interval(model, images(4), Y, "linf", 0.1)


def test_the_network_is_left_as_it_was() -> None:
    model = nn.Sequential(
        Normalize([0.5], [0.5]), nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(32, 3)
    )
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    crown(model, images(4), Y, "l2", 0.1)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_what_is_asked_wrongly_is_refused() -> None:
    model, x = nn.Sequential(nn.Flatten(), nn.Linear(36, 3)), images(4)
    with pytest.raises(AttackError, match="write 8/255"):
        interval(model, x, Y, "linf", 8)
    with pytest.raises(AttackError, match="linf or l2"):
        interval(model, x, Y, "l1", 0.1)
    with pytest.raises(DataError, match="divide by 255"):
        interval(model, x * 255, Y, "linf", 0.1)
    with pytest.raises(DataError, match="one label"):
        crown(model, x, Y[:2], "linf", 0.1)
