"""What foreign networks do that one run does not show: closures, branches, features on self, hidden calls."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn.channels import channel_groups, replace_, resize_
from blackthorn.errors import PruningError
from blackthorn.pruning import FilterNorm, Magnitude, prune, shrink, sparsity

from ..channels.networks import images, lively


class Hooked(nn.Module):
    """A forward hook keeps a feature, which the head reads."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last, self.out = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(16, 5)
        self.taken: dict[str, Tensor] = {}
        self.conv.register_forward_hook(lambda module, given, out: self.taken.update(f=out))

    def forward(self, x: Tensor) -> Tensor:
        x = self.last(F.relu(self.conv(x))).mean((2, 3))
        return self.out(torch.cat([x, self.taken["f"].mean((2, 3))], 1))


class Lambda(nn.Module):
    """A lambda calls a layer of the network that it was made for."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last, self.out = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(8, 5)
        self.first = lambda x: self.conv(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.relu(self.last(F.relu(self.first(x)))).mean((2, 3)))


class Branching(nn.Module):
    """Bright images are divided by the mean of their channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.last, self.out = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        bright = bool(x.mean() > 0.7)
        x = F.relu(self.conv(x)) + 0.1
        x = x / x.mean(1, keepdim=True) if bright else x
        return self.out(F.relu(self.last(x)).mean((2, 3)))


class KeepsFeature(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.out = nn.Conv2d(3, 8, 3), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        self.feature = F.relu(self.conv(x))
        return self.out(self.feature.mean((2, 3)))


class Auxiliary(nn.Module):
    """A second head, used in training mode only."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.out = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 5)
        self.aux = nn.Sequential(nn.Conv2d(8, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5))

    def forward(self, x: Tensor) -> Any:
        x = F.relu(self.norm(self.conv(x)))
        logits = self.out(x.mean((2, 3)))
        return (logits, self.aux(x)) if self.training else logits


@torch.jit.script
def scripted(x: Tensor) -> Tensor:
    return torch.relu(x) * 2


class Scripted(nn.Module):
    def __init__(self, how: Any = scripted) -> None:
        super().__init__()
        self.conv, self.last, self.out = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(8, 5)
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.relu(self.last(self.how(self.conv(x)))).mean((2, 3)))


def halved(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    masks = prune(model, FilterNorm(), sparsity=0.5, scope="per_layer", x=images())
    return model, shrink(model, masks, example=images())


@pytest.mark.filterwarnings("ignore:filters of .* can be zeroed but not cut out")
@pytest.mark.parametrize("ran", [False, True])
def test_a_feature_that_a_closure_captured_is_refused(ran: bool) -> None:
    model = lively(Hooked())
    if ran:
        with torch.no_grad():
            model(images())
    with pytest.raises(PruningError, match=r"copy of the network.*closure or lambda of it still points at"):
        halved(model)


@pytest.mark.filterwarnings("ignore:filters of .* can be zeroed but not cut out")
def test_a_copy_that_uses_weights_of_the_original_is_refused() -> None:
    with pytest.raises(PruningError, match=r"still uses 'conv.weight' of the original"):
        halved(lively(Lambda()))


@pytest.mark.filterwarnings("ignore:left whole")
def test_every_path_of_a_network_is_followed_and_it_is_said() -> None:
    with pytest.warns(UserWarning, match="another path on white images"):
        model, small = halved(lively(Branching()))
    bright = images() * 0.2 + 0.8
    torch.testing.assert_close(small(bright), model(bright), rtol=0, atol=1e-5)
    torch.testing.assert_close(small(images()), model(images()), rtol=0, atol=1e-5)
    assert (small.conv.out_channels, small.last.out_channels) == (8, 4)


def test_a_feature_kept_on_the_network_does_not_stop_it_from_being_copied() -> None:
    model = KeepsFeature().train()
    model(images()).sum().backward()
    masked, small = halved(model)
    torch.testing.assert_close(small(images(2)), masked(images(2)), rtol=0, atol=1e-5)


def test_a_head_that_only_training_uses_is_shrunk_too() -> None:
    model = lively(Auxiliary()).train()
    before = copy.deepcopy(model.state_dict())
    groups = {g.name: g for g in channel_groups(model, images())}
    assert groups["conv"].consumers == ("out", "aux.0")
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    masked, small = halved(model)
    assert small.aux[0].in_channels == small.conv.out_channels == 4 and small.aux[0].out_channels == 3
    for one, other in zip(small(images(2)), masked(images(2))):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:left whole")
@pytest.mark.parametrize("how", [scripted, torch.vmap(lambda x: torch.relu(x) * 2)])
def test_what_goes_where_calls_are_not_seen_is_pinned(how: Any) -> None:
    reasons = {g.name: g.reason for g in channel_groups(lively(Scripted(how)), images())}
    assert "seen" in str(reasons["conv"])
    assert reasons["last"] is None
    model, small = halved(lively(Scripted(how)))
    torch.testing.assert_close(small(images(2)), model(images(2)), rtol=0, atol=1e-5)


class HeadFirst(nn.Module):
    """The layer of the logits is written down first."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.conv, self.hidden = nn.Linear(7, 5), nn.Conv2d(3, 8, 3), nn.Linear(8, 7)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.hidden(F.relu(self.conv(x)).mean((2, 3)))))


class Softened(HeadFirst):
    """The logits go through an operation that channels cannot be followed through."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).log_softmax(1)


@pytest.mark.parametrize("build", [HeadFirst, Softened])
def test_the_layer_of_the_logits_is_the_one_that_makes_them(build: type[nn.Module]) -> None:
    masks = prune(build(), Magnitude(include_output=False), sparsity=0.5, x=images())
    assert set(masks) == {"conv.weight", "hidden.weight"}
    model = HeadFirst()
    with torch.no_grad():
        model.hidden.weight[:3] = 0
    assert sparsity(model, images()).units == pytest.approx(3 / 15)


def test_without_images_the_layer_of_the_logits_is_a_guess_that_is_said() -> None:
    with pytest.warns(UserWarning, match=r"'hidden.weight' is taken for the layer of the logits.*pass x="):
        prune(HeadFirst(), Magnitude(include_output=False), sparsity=0.5)


class Everything(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.attention = nn.ConvTranspose2d(3, 8, 2), nn.MultiheadAttention(8, 2, batch_first=True)
        self.lstm, self.out = nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 5)
        self.position = nn.Parameter(torch.rand(1, 81, 8))

    def forward(self, x: Tensor) -> Tensor:
        x = self.up(x).flatten(2).transpose(1, 2) + self.position
        x = self.attention(x, x, x)[0]
        return self.out(self.lstm(x)[0].mean(1))


def test_every_matrix_is_pruned_or_named_and_all_are_counted() -> None:
    model = Everything()
    matrices = {name: p for name, p in model.named_parameters() if p.dim() > 1}
    with pytest.warns(UserWarning, match="left whole and out of the ranking: 'position'"):
        masks = prune(model, Magnitude(), sparsity=0.9, scope="per_layer")
    assert set(masks) == set(matrices) - {"position"}
    zeros = sum(int((p == 0).sum()) for p in matrices.values())
    assert zeros == sum(int(0.9 * mask.numel() + 1e-9) for mask in masks.values())
    assert sparsity(model).weights == pytest.approx(zeros / sum(p.numel() for p in matrices.values()))
    model(images())


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(6)
        self.up, self.last, self.out = nn.ConvTranspose2d(8, 6, 2, 2), nn.Conv2d(6, 4, 3), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.up(F.relu(self.conv(x)))))
        return self.out(F.relu(self.last(x)).mean((2, 3)))


def test_transposed_convolutions_lose_filters() -> None:
    model, small = halved(lively(Decoder()))
    assert (small.up.in_channels, small.up.out_channels, small.norm.num_features) == (4, 3, 3)
    torch.testing.assert_close(small(images(2)), model(images(2)), rtol=0, atol=1e-5)
    assert sparsity(model, images()).filters == pytest.approx(0.5)
    assert sum(p.numel() for p in small.parameters()) < 0.4 * sum(p.numel() for p in model.parameters())


def test_a_depthwise_multiplier_keeps_its_groups_when_it_is_read_back() -> None:
    class Multiplied(nn.Sequential):
        def __init__(self) -> None:
            conv = nn.Conv2d(3, 24, 3, groups=3)
            super().__init__(conv, nn.ReLU(), nn.Conv2d(24, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 5))

    model, other = Multiplied().eval(), Multiplied().eval()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    resize_(other, {name: tensor.shape for name, tensor in state.items()})
    replace_(other, state)
    assert (other[0].groups, other[0].in_channels) == (3, 3)
    assert torch.equal(other(images()), model(images()))


class Chain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.out = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 6, 3), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.relu(self.two(F.relu(self.one(x)))).mean((2, 3)))


class Asserting(Chain):
    def forward(self, x: Tensor) -> Tensor:
        assert len(self.two.weight) == 6
        return super().forward(x)


class Viewing(nn.Module):
    """A parent writes a size down, and its child notices."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 6, 3), nn.Sequential(nn.Linear(96, 5))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.two(F.relu(self.one(x))))
        x = x.view(-1, 96)
        return self.head(x)


def test_everything_that_a_network_returns_is_compared() -> None:
    class Both(Chain):
        def forward(self, x: Tensor) -> Any:
            x = F.relu(self.one(x))
            return self.out(F.relu(self.two(x)).mean((2, 3))), {"feature": x.mean((2, 3))}

    model, small = halved(lively(Both()))
    assert (small.one.out_channels, small.two.out_channels) == (8, 3)
    torch.testing.assert_close(small(images(2)), model(images(2)), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("build", "says", "left"),
    [
        (Asserting, r"'two' are left whole: .* fails in 'Asserting', test_promises.py line \d+: assert len", (4, 6)),
        (
            Viewing,
            r"'two' are left whole: .* 'Viewing', test_promises.py line \d+: x = x.view\(-1, 96\)",
            (4, 6),
        ),
    ],
)
def test_what_cannot_be_cut_is_left_whole_before_training_with_the_line(
    build: type[nn.Module], says: str, left: tuple[int, int]
) -> None:
    with pytest.warns(UserWarning, match=says):
        model, small = halved(lively(build()))
    assert (small.one.out_channels, small.two.out_channels) == left
    torch.testing.assert_close(small(images(2)), model(images(2)), rtol=0, atol=1e-5)


def test_a_reshape_is_named_where_it_stands_and_not_where_it_is_noticed() -> None:
    model = Viewing()
    with torch.no_grad():
        model.two.weight[::2] = 0
        model.two.bias[::2] = 0
    with pytest.raises(PruningError, match=r"fails in 'head.0', test_promises.py line \d+: x = x.view\(-1, 96\)"):
        shrink(model, None, example=images())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_images_are_given_to_a_network_in_the_type_of_its_weights(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    model, small = halved(lively(Chain().to(dtype)))
    assert small.one.out_channels == 4 and small.one.weight.dtype == dtype
    torch.testing.assert_close(small(images(2).to(dtype)), model(images(2).to(dtype)), rtol=0, atol=0.05)
    assert [g.reason for g in channel_groups(model, (255 * images()).to(torch.uint8))][:2] == [None, None]


def test_what_is_no_batch_of_images_is_said() -> None:
    for example in ((images(), images()), [images()], None):
        with pytest.raises(PruningError, match=r"example must be a batch of images such as x\[:1\], got"):
            shrink(Chain(), None, example=example)  # type: ignore[arg-type]
    with pytest.raises(PruningError, match="got tuple"):
        prune(Chain(), FilterNorm(include_linear=True), sparsity=0.5, x=(images(), images()))  # type: ignore[arg-type]


class Pairs(nn.Module):
    """Blocks that are given and give tuples."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, both: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            return F.relu(self.conv(both[0])), both[1] + both[0]

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.out = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)
        self.blocks = nn.Sequential(self.Block(), self.Block())

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        one, other = self.blocks((x, x))
        return self.out((one + other).mean((2, 3)))


def test_blocks_may_pass_tuples_on() -> None:
    model = lively(Pairs())
    prune(model, FilterNorm(), sparsity=0.5, scope="per_layer", coupled=True, x=images())
    small = shrink(model, None, example=images())
    assert small.stem.out_channels == small.blocks[1].conv.out_channels == 2
    torch.testing.assert_close(small(images(2)), model(images(2)), rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.jit.script
def test_a_scripted_part_and_a_recurrent_layer_are_named_and_the_rest_is_pruned() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.three = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 6, 3), nn.Conv2d(4, 6, 1)
            self.part = torch.jit.script(nn.Conv2d(6, 4, 1))
            self.lstm, self.out = nn.LSTM(6, 7, batch_first=True), nn.Linear(7, 5)

        def forward(self, x: Tensor) -> Tensor:
            x = self.three(self.part(F.relu(self.two(F.relu(self.one(x))))))
            return self.out(self.lstm(x.flatten(2).mT)[0].mean(1))

    with pytest.warns(UserWarning, match=r"left whole .*'two' reaches 'convolution' .*'three' reaches 'lstm'"):
        model, small = halved(lively(Mixed()))
    assert (small.one.out_channels, small.two.out_channels, small.three.out_channels) == (4, 6, 6)
    torch.testing.assert_close(small(images(2)), model(images(2)), rtol=0, atol=1e-5)


def test_a_lazy_network_must_run_first_and_is_left_as_it_is() -> None:
    model = nn.Sequential(nn.LazyConv2d(8, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))
    for ask in (lambda: channel_groups(model, images()), lambda: shrink(model, None, example=images())):
        with pytest.raises(PruningError, match=r"'0\.weight' is lazy and has no shape yet; run"):
            ask()
    assert isinstance(model[0].weight, nn.parameter.UninitializedParameter)
