import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from blackthorn import models
from blackthorn.errors import PruningError
from blackthorn.pruning import Criterion, FilterNorm, Magnitude, prune, shrink, sparsity
from blackthorn.pruning.layers import prunable_weights

from ..channels.networks import Chain, Depthwise, Exotic, images, lively


def state(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def test_class_blind_magnitude_removes_the_smallest_weights_of_all() -> None:
    model = models.wang_cnn(10)
    before = torch.cat([w.detach().flatten().abs() for w in prunable_weights(model).values()])
    prune(model, Magnitude(), sparsity=0.98)
    kept = torch.cat([w.detach().flatten().abs() for w in prunable_weights(model).values()])
    assert (kept == 0).sum() == int(0.98 * 178_816)
    assert kept[kept > 0].min() >= before[kept == 0].max()


def test_per_layer_magnitude_takes_the_same_share_of_each_layer() -> None:
    model = models.mlp(10, image_size=8, hidden=[50, 20])
    masks = prune(model, Magnitude(), sparsity=0.9, scope="per_layer")
    assert {name: int((~mask).sum()) for name, mask in masks.items()} == {
        "fc1.weight": 2880,
        "fc2.weight": 900,
        "out.weight": 180,
    }


def test_the_output_layer_can_be_left_dense() -> None:
    masks = prune(models.mlp(10, image_size=8, hidden=[50]), Magnitude(include_output=False), sparsity=0.5)
    assert list(masks) == ["fc1.weight"]


def test_some_layers_can_be_pruned_and_the_others_left_whole() -> None:
    model = models.mlp(10, image_size=8, hidden=[50, 20])
    before = state(model)
    masks = prune(model, Magnitude(), sparsity=0.9, layers=["fc2"])
    assert list(masks) == ["fc2.weight"] and int((~masks["fc2.weight"]).sum()) == 900
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items() if name != "fc2.weight")


def test_layers_may_be_named_by_a_pattern() -> None:
    model = models.mlp(10, image_size=8, hidden=[50, 20])
    assert list(prune(model, Magnitude(), sparsity=0.5, layers="fc*")) == ["fc1.weight", "fc2.weight"]


def test_filters_of_some_layers_can_be_pruned() -> None:
    model = models.wang_cnn(10)
    masks = prune(model, FilterNorm(), sparsity=0.5, layers=["conv2", "conv3"])
    assert set(masks) == {f"conv{i}.{what}" for i in (2, 3) for what in ("weight", "bias")}
    assert sparsity(model).filters == 64 / 160


def test_a_layer_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(PruningError, match=r"^layers: 'fc9' is none that is scored; there are fc1, fc2, out$"):
        prune(models.mlp(10, image_size=8, hidden=[50, 20]), Magnitude(), sparsity=0.5, layers=["fc1", "fc9"])


def test_biases_and_norms_are_never_pruned_by_magnitude() -> None:
    assert list(prune(lively(Chain()), Magnitude(), sparsity=0.5)) == [f"{i}.weight" for i in (0, 3, 7, 9)]


def test_wang_filter_score_is_the_mean_absolute_weight() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(2, 2))
    with torch.no_grad():
        model[0].weight[0].copy_(torch.tensor([[[1.0, -2.0], [3.0, -4.0]]]))
        model[0].weight[1].copy_(torch.tensor([[[0.0, 3.0], [4.0, 0.0]]]))
    assert FilterNorm()(model)["0.weight"].tolist() == [2.5, 1.75]
    assert FilterNorm(norm="l2", normalize=False)(model)["0.weight"][1].item() == 5.0


def test_li_removes_half_of_the_filters_of_every_layer() -> None:
    model = models.wang_cnn(10)
    prune(model, FilterNorm(), sparsity=0.5, scope="per_layer")
    assert sparsity(model).filters == 0.5


def test_a_removed_filter_takes_its_bias_and_its_norm_along() -> None:
    masks = prune(lively(Chain()), FilterNorm(), sparsity=0.5, scope="per_layer", x=images())
    gone = ~masks["0.weight"].flatten(1).any(1)
    assert gone.sum() == 3
    assert all(torch.equal(~masks[name], gone) for name in ("0.bias", "1.weight", "1.bias"))


def test_depthwise_filters_go_with_their_channel() -> None:
    masks = prune(lively(Depthwise()), FilterNorm(), sparsity=0.5, scope="per_layer", x=images())
    gone = ~masks["up.0.weight"].flatten(1).any(1)
    assert torch.equal(~masks["deep.0.bias"], gone) and torch.equal(~masks["deep.1.bias"], gone)


@pytest.mark.slow
def test_a_norm_on_a_residual_stream_goes_only_with_all_that_is_added_there() -> None:
    model = lively(models.wrn28_4(10))
    masks = prune(model, FilterNorm(), sparsity=0.6, scope="per_layer")
    writers = ("groups.group1_block1.shortcut", "groups.group1_block1.conv2")
    silent = [~masks[f"{name}.weight"].flatten(1).any(1) for name in writers]
    norm = "groups.group1_block2.norm1.bias"
    assert torch.equal(~masks[norm], silent[0] & silent[1]) and 0 < (~masks[norm]).sum() < 38


@pytest.mark.parametrize("rate", [0.25, 0.75, 0.9])
def test_budget_params_counts_what_shrinking_really_removes(rate: float) -> None:
    model = models.wang_cnn(10)
    masks = prune(model, FilterNorm(), sparsity=rate, budget="params")
    small = shrink(model, masks, example=torch.rand(1, 1, 28, 28))
    left = sum(weight.numel() for weight in prunable_weights(small).values())
    assert rate <= 1 - left / 178_816 < rate + 0.02


def test_wang_at_75_percent_of_filters_keeps_one_filter_per_layer() -> None:
    model = models.wang_cnn(10)
    with torch.no_grad():
        model.conv3.weight.mul_(1e-3)
    prune(model, FilterNorm(), sparsity=0.75)
    assert (model.conv3.weight.flatten(1) != 0).any(1).sum() == 1


def test_the_literal_reading_may_empty_a_layer_but_says_so() -> None:
    model = models.wang_cnn(10)
    with torch.no_grad():
        model.conv3.weight.mul_(1e-3)
    with pytest.warns(UserWarning, match="'conv3' keeps no filter"):
        prune(model, FilterNorm(), sparsity=0.75, floor=0)
    assert sparsity(model).filters == 0.75


@pytest.mark.slow
def test_coupled_filters_of_a_residual_stream_go_together() -> None:
    model = lively(models.resnet18(10))
    masks = prune(model, FilterNorm(), sparsity=0.5, scope="per_layer", coupled=True)
    assert torch.equal(masks["conv1.weight"][:, 0, 0, 0], masks["stages.stage1_block1.conv2.weight"][:, 0, 0, 0])
    assert sparsity(model).filters == 0.5


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.floats(0.05, 0.9), st.floats(0.0, 0.09), st.sampled_from([Magnitude(), FilterNorm()]))
def test_masks_are_nested_in_the_rate_and_as_large_as_asked(rate: float, more: float, criterion: Criterion) -> None:
    torch.manual_seed(0)
    model = lively(Chain())
    low, high = (
        prune(copy.deepcopy(model), criterion, sparsity=r, scope="per_layer", x=images())
        for r in (max(rate, 0.2), max(rate, 0.2) + more)
    )
    assert (low & high) == high
    for name in ("0.weight", "3.weight"):
        rows = low[name] if criterion.granularity == "weights" else low[name].flatten(1).any(1)
        assert int((~rows).sum()) == int(max(rate, 0.2) * rows.numel() + 1e-9)


def test_equal_scores_give_the_same_masks_every_time() -> None:
    def constant() -> nn.Module:
        model = Chain().eval()
        with torch.no_grad():
            for weight in prunable_weights(model).values():
                weight.fill_(0.1)
        return model

    masks = [prune(constant(), Magnitude(), sparsity=0.5, scope="per_layer") for _ in range(2)]
    assert masks[0] == masks[1]
    assert not masks[0]["9.weight"].flatten()[:25].any() and masks[0]["9.weight"].flatten()[25:].all()


def test_permuting_filters_permutes_the_masks() -> None:
    model = lively(Chain())
    order = torch.randperm(6)
    other = copy.deepcopy(model)
    with torch.no_grad():
        for name in ("0.weight", "0.bias", "1.weight", "1.bias"):
            other.get_parameter(name).copy_(model.get_parameter(name)[order])
    masks, others = (prune(m, FilterNorm(), sparsity=0.5, x=images()) for m in (model, other))
    assert torch.equal(masks["0.weight"][order], others["0.weight"])


def test_pruning_survives_copy_and_state_dict() -> None:
    model = lively(Chain())
    prune(model, FilterNorm(), sparsity=0.5, x=images())
    loaded = lively(Chain())
    loaded.load_state_dict(model.state_dict())
    assert sparsity(loaded) == sparsity(copy.deepcopy(model)) == sparsity(model)


def test_pruning_changes_zeros_only() -> None:
    model = lively(Chain()).train()
    before, chance = state(model), torch.get_rng_state()
    masks = prune(model, FilterNorm(), sparsity=0.5, x=images())
    for name, tensor in model.state_dict().items():
        keep = masks.get(name, torch.ones_like(tensor, dtype=torch.bool))
        assert torch.equal(tensor, torch.where(keep, before[name], torch.zeros_like(tensor)))
    assert model.training and torch.equal(chance, torch.get_rng_state())


@pytest.mark.parametrize(
    ("rate", "says"),
    [
        (98, "write 98% or 0.98"),
        (-0.1, r"a fraction in \[0, 1\]"),
        (0, "removes nothing"),
        ("100%", "removes the whole network"),
        ("lots", "a number is wanted"),
        (1e-6, "less than one of what is ranked"),
    ],
)
def test_a_rate_that_cannot_be_meant_is_refused_in_words(rate: float | str, says: str) -> None:
    with pytest.raises(PruningError, match=says):
        prune(Chain(), Magnitude(), sparsity=rate)


def test_a_refused_pruning_leaves_the_network_alone() -> None:
    model = models.wang_cnn(10)
    before = state(model)
    with pytest.raises(PruningError, match=r"at most 0\.\d+ can go"):
        prune(model, FilterNorm(), sparsity=0.99, floor=10)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_pruning_again_at_the_same_rate_is_refused() -> None:
    model = lively(Chain())
    prune(model, Magnitude(), sparsity=0.5)
    with pytest.raises(PruningError, match="already at least that sparse"):
        prune(model, Magnitude(), sparsity=0.5)


def test_percent_is_a_rate() -> None:
    model = lively(Chain())
    prune(model, Magnitude(), sparsity="50%")
    assert sparsity(model).weights == 0.5


def test_layers_that_cannot_be_followed_stay_whole_with_a_warning() -> None:
    model = lively(Exotic())
    with pytest.warns(UserWarning, match=r"'grouped' reaches 'group_norm'.*'attended' reaches"):
        masks = prune(model, FilterNorm(), sparsity=0.5, x=images())
    assert set(masks) == {"plain.weight", "plain.bias", "up.weight"}


def test_a_network_of_unknown_image_size_asks_for_images() -> None:
    with pytest.raises(PruningError, match="Chain does not say how large its images are; pass x="):
        prune(Chain(), FilterNorm(), sparsity=0.5)


def test_images_of_the_wrong_size_are_refused() -> None:
    with pytest.raises(PruningError, match=r"cannot run on an example of shape \(2, 3, 12, 12\)"):
        prune(Chain(), FilterNorm(), sparsity=0.5, x=torch.rand(1, 3, 12, 12))


def test_a_network_without_convolutions_points_to_its_linear_layers() -> None:
    model = models.mlp(10, image_size=8, hidden=[20])
    with pytest.raises(PruningError, match="include_linear=True"):
        prune(model, FilterNorm(), sparsity=0.5)
    prune(model, FilterNorm(include_linear=True), sparsity=0.5)
    assert sparsity(model).units == 0.5


def test_a_network_whose_convolutions_are_stuck_points_to_its_linear_layers() -> None:
    """As a transformer's: the patches reach attention, which cannot be followed, but its hidden units can go."""
    patches, hidden = nn.Conv2d(1, 8, 4, stride=4), [nn.Linear(32, 20), nn.ReLU()]
    stuck = nn.Sequential(patches, nn.Flatten(), nn.Softmax(1))  # sums to one, so that none can go alone
    reason = "no filters can be pruned: '0' .*; hidden linear layers can lose units: .*include_linear=True"
    with pytest.raises(PruningError, match=reason):
        prune(nn.Sequential(*stuck, *hidden, nn.Linear(20, 10)), FilterNorm(), sparsity=0.5, x=torch.rand(2, 1, 8, 8))
    with pytest.raises(PruningError) as refused:
        prune(nn.Sequential(*stuck, nn.Linear(32, 10)), FilterNorm(), sparsity=0.5, x=torch.rand(2, 1, 8, 8))
    assert "include_linear" not in str(refused.value)


def test_nothing_to_prune_is_an_error() -> None:
    with pytest.raises(PruningError, match="no convolution or linear layer"):
        prune(nn.Flatten(), Magnitude(), sparsity=0.5)


def test_a_computed_weight_is_named() -> None:
    model = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)))
    with pytest.raises(PruningError, match="weight of '0' is computed on the fly"):
        prune(model, Magnitude(), sparsity=0.5)
