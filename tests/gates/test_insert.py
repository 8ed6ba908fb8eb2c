"""Gates at every channel group of any network, and what becomes of them in copies, files and other processes."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn import models
from blackthorn.channels import channel_groups, find_taps, tapped
from blackthorn.errors import ModelError
from blackthorn.gates import BetaBernoulli, BetaBernoulliGate, gates_of, insert_gates, places
from blackthorn.models import parameter_groups

from ..channels.networks import images, lively
from ..pruning.foreign import NETWORKS, RepVGG
from .networks import half_closed

MNIST, CIFAR = torch.rand(3, 1, 28, 28), torch.rand(3, 3, 32, 32)


def units(model: nn.Module) -> list[int]:
    return [len(gate.active()) for gate in gates_of(model)]


def test_lenet_has_the_1370_units_of_the_paper() -> None:
    gated = insert_gates(models.lenet5_caffe(), MNIST, linear="input")
    assert units(gated) == [20, 50, 800, 500]
    assert [(place.layer, place.side) for place in places(gated)] == [
        ("conv1", "output"), ("conv2", "output"), ("fc1", "input"), ("out", "input"),
    ]  # fmt: skip


@pytest.mark.slow
def test_vgg_has_the_15_gates_and_5248_units_of_the_paper_and_drops_nothing_before_linear_layers() -> None:
    wide = BetaBernoulli(a=2)
    gated = insert_gates(models.vgg16_anp(), CIFAR, convolutions=wide, linear="input")
    assert len(units(gated)) == 15 and sum(units(gated)) == 5248
    assert [gate.a[0].item() for gate in gates_of(gated)] == [2.0] * 13 + [-1.0] * 2  # type: ignore[attr-defined]
    off = {name for name, module in gated.named_modules() if isinstance(module, nn.Dropout) and module.p == 0}
    assert off == {"drop14", "drop15"}


def test_by_default_every_group_of_a_network_has_a_gate() -> None:
    assert units(insert_gates(models.lenet5_caffe(), MNIST)) == [20, 50, 500]


def test_a_residual_stream_has_one_gate_that_draws_once_for_all_that_add_to_it() -> None:
    model = lively(RepVGG())
    gated = insert_gates(model, images()).train()
    hidden = [group for group in channel_groups(model, images()) if group.prunable]
    assert units(gated) == [group.channels for group in hidden]
    stream = [place for place in places(gated) if place.gating is places(gated)[0].gating]
    assert [place.layer for place in stream] == list(hidden[0].producers) and len(stream) == 3
    masks: dict[str, Tensor] = {}

    def note(layer: nn.Module, args: object, output: Tensor) -> None:
        masks[next(place.layer for place in stream if gated.get_submodule(place.layer) is layer)] = output != 0

    for place in stream:
        gated.get_submodule(place.layer).register_forward_hook(note)
    with torch.no_grad():
        stream[0].gating.gate.a.fill_(-3.0)  # pi is often so near 0 that masks are exactly 0
        gated(images())
    first, *others = (mask.flatten(2).any(2) for mask in masks.values())
    assert 0 < first.float().mean() < 1 and len(others) == 2
    assert all(torch.equal(first, other) for other in others)


def test_nothing_that_was_drawn_stays_on_a_network_not_even_after_an_error() -> None:
    gated = insert_gates(RepVGG(), images()).train()
    gated(images())
    with pytest.raises(RuntimeError):
        gated(images()[:, :2])
    copy.deepcopy(gated)(images()[:2])  # would fail on tensors with a history


@pytest.mark.parametrize("build", NETWORKS)
def test_a_gated_foreign_network_computes_its_layers_times_the_masks(build: type[nn.Module]) -> None:
    torch.manual_seed(0)
    model = lively(build())
    gated = half_closed(insert_gates(model, images()))
    masks = {place.layer: place.mask for place in places(gated)}
    assert masks

    def times(layer: nn.Module, args: object, output: Tensor, *, mask: Tensor) -> Tensor:
        return output * (mask if isinstance(layer, nn.Linear) else mask[:, None, None])

    for name, mask in masks.items():
        model.get_submodule(name).register_forward_hook(
            lambda layer, args, output, mask=mask: times(layer, args, output, mask=mask)
        )
    gated.eval()
    torch.testing.assert_close(gated(images(2)), model(images(2)), rtol=1e-5, atol=1e-6)


def test_train_mode_draws_a_mask_for_each_image_and_eval_mode_is_fixed() -> None:
    gated = insert_gates(models.lenet5_caffe(), MNIST).train()
    one = gated(MNIST[:1].expand(2, -1, -1, -1))
    assert not torch.equal(one[0], one[1])
    gated.eval()
    again = gated(MNIST[:1].expand(2, -1, -1, -1))
    torch.testing.assert_close(again[0], again[1])
    assert torch.equal(gated(MNIST), gated(MNIST))


def test_the_same_seed_gives_the_same_draws() -> None:
    gated = insert_gates(models.lenet5_caffe(), MNIST).train()
    torch.manual_seed(5)
    first = gated(MNIST)
    torch.manual_seed(5)
    assert torch.equal(gated(MNIST), first)


def test_the_given_network_is_left_alone_and_weights_keep_their_names() -> None:
    model = models.lenet5_caffe()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    gated = insert_gates(model, MNIST)
    assert not places(model) and not model.conv1._forward_hooks
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in before.items())
    assert set(before) < set(gated.state_dict())


def test_a_copy_uses_its_own_gates() -> None:
    gated = insert_gates(models.lenet5_caffe(), MNIST).eval()
    twin = copy.deepcopy(gated)
    wanted = gated(MNIST)
    half_closed(gated)
    assert torch.equal(twin(MNIST), wanted) and not torch.equal(gated(MNIST), wanted)


def test_a_state_dict_carries_gates() -> None:
    source = half_closed(insert_gates(models.lenet5_caffe(), MNIST)).eval()
    other = insert_gates(models.lenet5_caffe(), MNIST).eval()
    other.load_state_dict(source.state_dict())
    assert torch.equal(other(MNIST), source(MNIST))


@pytest.mark.slow
def test_a_state_dict_carries_gates_to_another_process(tmp_path: Path) -> None:
    torch.manual_seed(0)
    gated = half_closed(insert_gates(models.wide_resnet(depth=10, widen=1), CIFAR)).eval()
    torch.save({"state": gated.state_dict(), "x": CIFAR, "logits": gated(CIFAR).detach()}, tmp_path / "gated.pt")
    code = (
        "import sys, torch; from blackthorn import models; from blackthorn.gates import insert_gates; "
        f"held = torch.load({str(tmp_path / 'gated.pt')!r}); "
        "gated = insert_gates(models.wide_resnet(depth=10, widen=1), held['x']).eval(); "
        "gated.load_state_dict(held['state']); print((gated(held['x']) - held['logits']).abs().max().item())"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float(said) < 1e-5


def test_gates_are_one_group_with_their_own_rate() -> None:
    gated = insert_gates(RepVGG(), images(), BetaBernoulli(lr=0.03))
    groups = parameter_groups(gated)
    assert {group.name for group in groups} == {"gates"} and {group.lr for group in groups} == {0.03}
    named = {id(p) for group in groups for p in group.parameters}
    assert named == {id(p) for name, p in gated.named_parameters() if "output_gate" in name}


class Halving(nn.Module):
    """A gate of another kind, which knows nothing of this package."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.raw = nn.Parameter(torch.zeros(count))

    def sample(self, batch: int) -> Tensor:
        return self.expected().expand(batch, -1)

    def expected(self) -> Tensor:
        return self.raw.sigmoid()

    def kl(self) -> Tensor:
        return self.raw.square().sum()

    def active(self) -> Tensor:
        return self.raw > -9


def test_any_module_with_the_four_methods_is_a_gate() -> None:
    model = models.mlp(num_classes=4, image_size=4, hidden=[6]).eval()
    x = torch.rand(3, 1, 4, 4)
    gated = insert_gates(model, x, Halving).eval()
    hidden, out = (layer for layer in model.modules() if isinstance(layer, nn.Linear))
    wanted = F.linear(F.relu(0.5 * hidden(x.flatten(1))), out.weight, out.bias)
    torch.testing.assert_close(gated(x), wanted)
    (group,) = parameter_groups(gated)
    assert (group.name, group.lr, group.weight_decay) == ("gates", 0.01, 0.0)


def test_taps_are_found_behind_gates_and_see_the_mask() -> None:
    gated = half_closed(insert_gates(models.lenet5_caffe(), MNIST)).eval()
    taps = find_taps(gated, MNIST)
    assert [tap.module for tap in taps] == ["relu1", "relu2", "relu3"]
    _, (first, *_) = tapped(gated, taps)(MNIST)
    closed = places(gated)[0].mask == 0
    assert (first[:, closed] == 0).all() and (first[:, ~closed] != 0).any()


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
        self.two.weight = self.one.weight
        self.out = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.relu(self.two(x) + self.one(x)).mean((2, 3)))


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.out = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.relu(F.conv2d(x, self.conv.weight, self.conv.bias)).mean((2, 3)))


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (Tied, "no channel group of Tied can carry a gate: one shares its weights with another layer"),
        (Functional, "no channel group of Functional can carry a gate: the weights of conv are used without calling"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 5)), "no channel group of Sequential .*: it has no hidden"),
    ],
)
def test_a_network_in_which_no_group_can_carry_a_gate_is_refused_with_the_reason(build: type, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint) as refused:
        insert_gates(build(), images())
    assert "\n" not in str(refused.value)


def test_gates_are_inserted_once() -> None:
    with pytest.raises(ModelError, match="has gates already"):
        insert_gates(insert_gates(RepVGG(), images()), images())


def test_what_is_no_gate_is_refused() -> None:
    with pytest.raises(ModelError, match="makes a Dropout; a gate is a module with sample, expected, kl and active"):
        insert_gates(RepVGG(), images(), lambda count: nn.Dropout())
    with pytest.raises(ModelError, match=r"BetaBernoulliGate expects a mask of shape \(3,\) for 8 units"):
        insert_gates(RepVGG(), images(), lambda count: BetaBernoulliGate(3, BetaBernoulli()))
