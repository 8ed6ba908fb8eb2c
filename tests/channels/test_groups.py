import re

import pytest
import torch

from blackthorn import models
from blackthorn.channels import channel_groups, trace

from .networks import Chain, Concat, Depthwise, Exotic, PaddedShortcut, Shuffled, images, lively
from .wirings import GroupedShuffle


def test_a_chain_has_one_group_per_layer() -> None:
    groups = channel_groups(lively(Chain()), images())
    assert [(g.name, g.norms, g.consumers, g.channels) for g in groups] == [
        ("0", ("1",), ("3",), 6),
        ("3", (), ("7",), 8),
        ("7", (), ("9",), 10),
        ("9", (), (), 5),
    ]


def test_the_logits_are_not_prunable() -> None:
    last = channel_groups(lively(Chain()), images())[-1]
    assert (last.prunable, last.reason) == (False, "makes the output of the network")


def test_an_addition_couples_its_producers() -> None:
    stream = channel_groups(lively(Depthwise()), images())[0]
    assert stream.producers == ("stem", "down.0") and stream.norms == ("down.1",)
    assert stream.consumers == ("up.0", "out")


def test_a_depthwise_convolution_works_on_the_channels_of_another() -> None:
    inner = channel_groups(lively(Depthwise()), images())[1]
    assert (inner.producers, inner.norms) == (("up.0",), ("up.1", "deep.0", "deep.1"))


def test_a_concatenation_keeps_its_parts_apart() -> None:
    left, right, _ = channel_groups(lively(Concat()), images())
    assert (left.channels, right.channels) == (4, 6)
    assert left.consumers == right.consumers == ("out",)


@pytest.mark.slow
def test_groups_of_the_residual_networks_are_those_of_torch_pruning() -> None:
    # 12 and 16 groups, the largest of 3 and 5 layers; as in torch-pruning 1.6 with residual groups
    for build, count, largest in ((models.resnet18, 12, 3), (models.wrn28_4, 16, 5)):
        groups = [g for g in channel_groups(build(10), torch.rand(1, 3, 32, 32)) if g.prunable]
        assert (len(groups), max(len(g.producers) for g in groups)) == (count, largest)


def test_channels_padded_by_code_stay_and_those_between_them_may_go() -> None:
    found = trace(lively(PaddedShortcut()), images())
    free = {use.weight: found.free(use.out).tolist() for use in found.uses}
    assert free["stem.weight"] == [True] * 4
    assert free["conv2.weight"] == [False, False, True, True, True, True, False, False]
    assert "F.pad" not in str(found.reason(found.uses[0].out)) and "is padded" in str(found.reason(found.uses[2].out))


def test_unknown_operations_pin_what_reaches_them_and_nothing_else() -> None:
    reasons = {g.name: g.reason for g in channel_groups(lively(Exotic()), images())}
    assert reasons["plain"] is None
    assert "group_norm" in str(reasons["grouped"]) and "multi_head" in str(reasons["attended"])


def test_groups_of_a_convolution_lose_channels_alike() -> None:
    found = trace(lively(GroupedShuffle()), images())
    one = next(use for use in found.uses if use.weight == "one.weight")
    pairs = found.root[one.out].reshape(2, 8)
    assert torch.equal(pairs[0], pairs[1]) and len(pairs[0].unique()) == 4  # the shuffle ties j to j + 4


def test_a_shuffle_whose_sizes_are_written_down_is_named_with_its_line() -> None:
    reasons = {g.name: g.reason for g in channel_groups(lively(Shuffled()), images())}
    assert reasons["stem"] is None and reasons["last"] is None
    said = r"is split into 2, 4, sizes that are written in the code, networks.py line \d+: x = x.view\(x.size"
    assert re.match(said, str(reasons["mix"]))


def test_tracing_leaves_the_network_and_the_generator_as_they_were() -> None:
    model = lively(Chain()).train()
    model[1].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    chance = torch.get_rng_state()
    channel_groups(model, images())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert model.training and not model[1].training
    assert torch.equal(chance, torch.get_rng_state())


def test_the_index_says_which_channel_each_entry_of_an_axis_is() -> None:
    first, second, *_ = channel_groups(lively(Chain()), images())
    six = torch.arange(6)
    assert {name: list(axes) for name, axes in first.index.items()} == {
        "0.weight": [0],
        "0.bias": [0],
        "1.weight": [0],
        "1.bias": [0],
        "1.running_mean": [0],
        "1.running_var": [0],
        "3.weight": [1],
    }
    assert all(torch.equal(channel, six) for axes in first.index.values() for channel in axes.values())
    assert torch.equal(second.index["7.weight"][1], torch.arange(8).repeat_interleave(16))


def test_entries_of_another_group_have_no_number() -> None:
    left, right, *_ = channel_groups(lively(Concat()), images())
    assert left.index["out.weight"][1].tolist() == [0, 1, 2, 3] + [-1] * 6
    assert right.index["out.weight"][1].tolist() == [-1] * 4 + [0, 1, 2, 3, 4, 5]


def test_a_residual_stream_has_one_number_for_each_of_its_channels() -> None:
    stream = channel_groups(lively(Depthwise()), images())[0]
    for name, axis in (("stem.weight", 0), ("down.0.weight", 0), ("down.1.bias", 0), ("up.0.weight", 1)):
        assert stream.index[name][axis].tolist() == [0, 1, 2, 3]
