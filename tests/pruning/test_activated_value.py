"""The activated-value criterion: by hand, against its article's loop, and against unfolded convolutions."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn import models
from blackthorn.deploy import decouple
from blackthorn.errors import PruningError
from blackthorn.pruning import ActivatedValue, Magnitude, Pruning, masks_for, prune

from ..channels.networks import Exotic, Tied, images, lively

PIXELS = torch.tensor([[[[0.0, 0.2, 1.0]]], [[[0.0, 0.4, 0.0]]]])  # two images of 1 x 3; the first pixel is never lit


def three_inputs() -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2))
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[5.0, -2.0, 0.5], [0.0, 1.0, -1.0]]))
        model[1].bias.copy_(torch.tensor([1.0, 0.0]))
        model[3].weight.copy_(torch.tensor([[1.0, -1.0], [0.5, 2.0]]))
    return model


def test_a_score_is_the_weight_times_the_mean_input_by_hand() -> None:
    scores = ActivatedValue()(three_inputs(), PIXELS)
    # mean pixels 0, 0.3, 0.5; the hidden units are relu(1 - 0.4 + 0.5) = 1.1 and relu(0.2 - 1) = 0 at the first image,
    # relu(1 - 0.8) = 0.2 and relu(0.4) = 0.4 at the second: means 0.65 and 0.2
    torch.testing.assert_close(scores["1.weight"], torch.tensor([[0.0, 0.6, 0.25], [0.0, 0.3, 0.5]]))
    torch.testing.assert_close(scores["3.weight"], torch.tensor([[0.65, 0.2], [0.325, 0.4]]))


def test_it_is_the_loop_of_the_article_where_inputs_are_not_negative() -> None:
    torch.manual_seed(0)
    model = models.mlp(10, image_size=6, hidden=(7, 5)).eval()
    x = torch.rand(30, 1, 6, 6)
    scores = ActivatedValue()(model, x)
    for layer, before in ((model.fc1, model[:1]), (model.fc2, model[:3]), (model.out, model[:5])):
        mean_activated_values = torch.zeros_like(layer.weight)
        for image in x:
            mean_activated_values += (layer.weight * before(image[None]).detach()) / len(x)
        name = next(name for name, weight in model.named_parameters() if weight is layer.weight)
        torch.testing.assert_close(scores[name], mean_activated_values.detach().abs())


def test_sizes_and_not_signs_of_inputs_are_averaged() -> None:
    model = nn.Sequential(models.Normalize([0.5], [0.5]), nn.Flatten(), nn.Linear(2, 2))
    x = torch.tensor([[[[0.0, 1.0]]], [[[1.0, 1.0]]]])  # normalised: -1 and 1, then 1 and 1
    scores = ActivatedValue()(model, x)["2.weight"]
    torch.testing.assert_close(scores, model[2].weight.detach().abs())


CONVOLUTIONS = [
    nn.Conv2d(2, 4, 3, padding=1),
    nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(0, 1)),
    nn.Conv2d(2, 4, 3, dilation=2, padding=2),
    nn.Conv2d(4, 6, 3, groups=2, padding=1),
    nn.Conv2d(4, 8, 3, groups=4, stride=2),
    nn.Conv2d(2, 4, 4, padding="same"),
    nn.Conv2d(2, 4, 3, padding="valid", stride=3),
    nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect"),
    nn.Conv2d(2, 4, 3, padding=2, padding_mode="circular"),
]


def unfolded(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Slow and obvious: every patch that the kernel stands on, written out."""
    if conv.padding == "same":
        spare = [d * (k - 1) for k, d in zip(conv.kernel_size, conv.dilation)]
        sides = [spare[1] // 2, spare[1] - spare[1] // 2, spare[0] // 2, spare[0] - spare[0] // 2]
    else:
        vertical, horizontal = (0, 0) if conv.padding == "valid" else conv.padding
        sides = [horizontal, horizontal, vertical, vertical]
    x = F.pad(x, sides, mode="constant" if conv.padding_mode == "zeros" else conv.padding_mode)
    patches = F.unfold(x, conv.kernel_size, dilation=conv.dilation, stride=conv.stride)  # (n, channels * taps, places)
    mean = patches.abs().mean((0, 2)).view(x.shape[1], *conv.kernel_size)
    reads = conv.in_channels // conv.groups
    scores = torch.empty_like(conv.weight)
    for filter_ in range(conv.out_channels):
        first = filter_ // (conv.out_channels // conv.groups) * reads
        scores[filter_] = conv.weight[filter_].abs() * mean[first : first + reads]
    return scores.detach()


@pytest.mark.filterwarnings("ignore:Using padding='same' with even")
@pytest.mark.parametrize("conv", CONVOLUTIONS, ids=str)
def test_a_shared_weight_scores_by_all_that_it_meets(conv: nn.Conv2d) -> None:
    torch.manual_seed(0)
    x = torch.rand(5, conv.in_channels, 7, 9)
    scores = ActivatedValue()(nn.Sequential(conv, nn.Flatten()), x)["0.weight"]
    torch.testing.assert_close(scores, unfolded(conv, x))


def test_convolutions_of_one_and_three_axes_are_scored_alike() -> None:
    line, block = nn.Sequential(nn.Conv1d(1, 1, 2)), nn.Sequential(nn.Conv3d(1, 1, 2, stride=2))
    met = ActivatedValue()(line, torch.tensor([[[1.0, 2.0, 6.0]]]))["0.weight"] / line[0].weight.detach().abs()
    assert met.flatten().tolist() == pytest.approx([1.5, 4])  # the first tap meets 1 and 2, the second 2 and 6
    cube = torch.arange(8.0).view(1, 1, 2, 2, 2)
    met = ActivatedValue()(block, cube)["0.weight"] / block[0].weight.detach().abs()
    assert met.flatten().tolist() == pytest.approx(list(range(8)))


def test_single_connections_of_a_decoupled_convolution_are_scored_by_the_input_that_each_reads() -> None:
    torch.manual_seed(0)
    conv, x = nn.Conv2d(2, 3, 3, padding=1, stride=2), torch.rand(6, 2, 5, 5)
    layer = decouple(nn.Sequential(conv, nn.Flatten()), x[:2])
    scores = ActivatedValue()(layer, x)["0.weight"]
    dense = torch.stack([layer[0](one[None]).flatten() for one in torch.eye(50).view(50, 2, 5, 5)], 1)
    dense = dense - layer[0](torch.zeros(1, 2, 5, 5)).flatten()[:, None]  # the matrix, without the bias
    wanted = dense.abs() * x.mean(0).flatten()
    torch.testing.assert_close(scores.sort().values, wanted[dense.abs() > 1e-6].detach().sort().values)


def test_batches_make_no_difference() -> None:
    torch.manual_seed(0)
    model, x = lively(models.parana_cnn(10, image_size=8, channels=(2, 2, 2, 2), hidden=(6,))), torch.rand(600, 1, 8, 8)
    model.double()
    whole = ActivatedValue()(model, x.double())
    halves = [ActivatedValue()(model, part.double()) for part in (x[:300], x[300:])]
    for name, scores in whole.items():
        torch.testing.assert_close(scores, (halves[0][name] + halves[1][name]) / 2)


def test_only_so_many_images_are_looked_at() -> None:
    torch.manual_seed(0)
    model, x = models.mlp(10, image_size=4, hidden=(5,)), torch.rand(20, 1, 4, 4)
    few, some = ActivatedValue(images=8)(model, x), ActivatedValue()(model, x[:8])
    assert all(torch.equal(few[name], some[name]) for name in some)


def test_stored_pixels_are_scored_as_fractions() -> None:
    model, x = models.mlp(10, image_size=4, hidden=(5,)), torch.randint(0, 256, (20, 1, 4, 4), dtype=torch.uint8)
    stored, read = ActivatedValue()(model, x), ActivatedValue()(model, x / 255)
    assert all(torch.equal(stored[name], read[name]) for name in read)


def test_a_layer_that_is_called_three_times_is_scored_by_all_its_inputs() -> None:
    torch.manual_seed(0)
    model, x = Tied().eval(), images()
    seen: list[Tensor] = []
    hook = model.again.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model(x)
    hook.remove()
    torch.testing.assert_close(
        ActivatedValue()(model, x)["again.weight"], unfolded(model.again, torch.cat(seen).detach())
    )


def test_a_tied_weight_is_scored_by_the_inputs_of_both_layers() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[2].weight = model[1].weight
    inputs = torch.cat([PIXELS.flatten(1), model[1](PIXELS.flatten(1))]).detach()
    scores = ActivatedValue()(model, PIXELS)
    torch.testing.assert_close(scores, {"1.weight": model[1].weight.detach().abs() * inputs.abs().mean(0)})


def test_weights_of_pixels_that_are_never_lit_go_first_and_change_no_output() -> None:
    torch.manual_seed(0)
    x = torch.rand(40, 1, 4, 4)
    x[:, :, 0] = 0  # a quarter of the pixels
    model = models.mlp(10, image_size=4, hidden=(8,)).eval()
    before = model(x)
    masks = prune(model, ActivatedValue(), sparsity=0.25, scope="per_layer", layers="fc1", x=x)
    assert not masks["fc1.weight"][:, :4].any() and masks["fc1.weight"][:, 4:].all()
    assert torch.equal(model(x), before)


def test_ties_go_by_the_size_of_the_weight_and_then_by_place() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(3, 2, bias=False))
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[0.3, 1.0, 1.0], [0.2, 1.0, 1.0]]))
    masks = masks_for(model, Pruning(criterion=ActivatedValue(), sparsity=1 / 6), x=PIXELS)
    assert masks["1.weight"].tolist() == [[True, True, True], [False, True, True]]
    with torch.no_grad():
        model[1].weight[:, 0] = 0.2
    masks = masks_for(model, Pruning(criterion=ActivatedValue(), sparsity=1 / 6), x=PIXELS)
    assert masks["1.weight"].tolist() == [[False, True, True], [True, True, True]]


def test_the_output_layer_can_be_left_dense() -> None:
    model = models.mlp(10, image_size=4, hidden=(5,))
    assert list(ActivatedValue(include_output=False)(model, torch.rand(3, 1, 4, 4))) == ["fc1.weight"]


def test_scoring_leaves_hooks_and_modes_as_they_were() -> None:
    model = models.mlp(10, image_size=4, hidden=(5,), dropout=0.5).train()
    model.fc1.eval()
    before = copy.deepcopy(model)
    ActivatedValue()(model, torch.rand(3, 1, 4, 4))
    assert [m.training for m in model.modules()] == [m.training for m in before.modules()]
    assert not any(m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize("x", [None, torch.zeros(0, 1, 4, 4)], ids=["none", "empty"])
def test_without_images_it_says_what_it_needs(x: Any) -> None:
    with pytest.raises(PruningError, match=r"activated_value needs images .* pass x="):
        prune(models.mlp(10, image_size=4, hidden=(5,)), ActivatedValue(), sparsity=0.5, x=x)


def test_a_layer_whose_weight_is_used_without_calling_it_is_left_whole_and_named() -> None:
    with pytest.warns(UserWarning, match=r"left whole and out of the ranking: .*'attention.out_proj'"):
        scores = ActivatedValue()(lively(Exotic()), images())
    assert "attention.out_proj.weight" not in scores and "out.weight" in scores


def test_the_combination_removes_what_either_removes() -> None:
    torch.manual_seed(0)
    model, x = models.mlp(10, image_size=6, hidden=(9, 7)), torch.rand(30, 1, 6, 6)
    dense = copy.deepcopy(model)
    flow = masks_for(model, Pruning(criterion=ActivatedValue(), sparsity=0.43, scope="per_layer"), x=x)
    both = prune(model, Magnitude(), sparsity=0.5, scope="per_layer", also=flow)
    absolute = masks_for(dense, Pruning(criterion=Magnitude(), sparsity=0.5, scope="per_layer"))
    for name, keep in both.items():
        weight, score = dense.get_parameter(name), ActivatedValue()(dense, x)[name]
        smallest = weight.abs() < weight.abs().flatten().sort().values[int(0.5 * weight.numel())]
        quietest = score < score.flatten().sort().values[int(0.43 * weight.numel())]
        assert torch.equal(~keep, smallest | quietest)
        assert torch.equal(model.get_parameter(name), torch.where(keep, weight, 0))
    assert both.removed > absolute.removed


def test_masks_for_changes_nothing() -> None:
    model = models.mlp(10, image_size=4, hidden=(5,))
    before = copy.deepcopy(model.state_dict())
    masks = masks_for(model, Pruning(criterion=Magnitude(), sparsity=0.5, scope="per_layer"))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert masks == prune(model, Magnitude(), sparsity=0.5, scope="per_layer")
