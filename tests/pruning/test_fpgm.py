"""FPGM against its double loop, its two readings by hand, and random filters."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from blackthorn import models
from blackthorn.pruning import FPGM, FilterNorm, RandomFilters, masks_for, prune
from blackthorn.pruning import Pruning as P


def one_layer(*filters: list[float]) -> nn.Module:
    """A convolution with these filters, 1x1, over as many channels as each has numbers."""
    rows = torch.tensor(filters)
    model = nn.Sequential(nn.Conv2d(rows.shape[1], len(rows), 1), nn.Flatten(), nn.Linear(len(rows), 2))
    with torch.no_grad():
        model[0].weight.copy_(rows[:, :, None, None])
    return model


@pytest.mark.parametrize(("norm", "order"), [("l1", 1), ("l2", 2)])
def test_scores_are_the_sums_of_the_double_loop(norm: Any, order: int) -> None:
    torch.manual_seed(0)
    model = models.wang_cnn(10)
    for name, scores in FPGM(norm=norm)(model).items():
        weight = model.get_parameter(name).detach()
        slow = torch.zeros(len(weight))
        for j, one in enumerate(weight):
            for other in weight:
                slow[j] += (one - other).abs().pow(order).sum() ** (1 / order)
        torch.testing.assert_close(scores, slow)


def test_filters_that_are_nearly_alike_keep_their_small_distance() -> None:
    rows = 100 + 1e-3 * torch.arange(40.0)[:, None].expand(40, 30)
    scores = FPGM()(one_layer(*rows.tolist()))["0.weight"]
    rows = rows.double()
    slow = torch.stack([(rows - row).norm(dim=1).sum() for row in rows]).float()
    torch.testing.assert_close(scores, slow, rtol=0.02, atol=0)  # float32 itself holds 1e-3 beside 100 to a per cent


def removed(model: nn.Module, criterion: Any, x: Tensor | None = None, **options: Any) -> list[int]:
    masks = masks_for(model, P(criterion=criterion, sparsity=0.25, scope="per_layer", **options), x=x)
    return (~masks["0.weight"].flatten(1).any(1)).nonzero().flatten().tolist()


def test_the_filter_in_the_middle_goes_and_in_rfps_reading_the_one_of_the_strangest_norm() -> None:
    model, x = one_layer([3, 0], [0, 3], [2, 2], [8, 8]), torch.rand(1, 2, 1, 1)
    # l2 distances of [2, 2] are sqrt(5), sqrt(5) and sqrt(72), the smallest sum; norms are 3, 3, sqrt(8) and sqrt(128)
    assert removed(model, FPGM(), x) == [2]
    assert removed(model, FPGM(variant="rfp_text"), x) == [3]
    assert removed(model, FilterNorm(norm="l2"), x) == [2]


def test_rfps_reading_measures_from_the_geometric_mean_of_norms() -> None:
    scores = FPGM(variant="rfp_text", norm="l1")(one_layer([1, 0], [-2, 2], [8, -8]))["0.weight"]
    torch.testing.assert_close(scores, -torch.tensor([3.0, 0.0, 12.0]))  # the cube root of 1 * 4 * 16 is 4
    empty = FPGM(variant="rfp_text")(one_layer([0.0], [2.0]))["0.weight"]
    torch.testing.assert_close(empty, -torch.tensor([0.0, 2.0]))


class Upside(FPGM):  # type: ignore[misc]  # a value may be inherited from
    """The same ranking from the other end."""

    def __call__(self, model: nn.Module, x: Tensor | None = None, y: Tensor | None = None) -> dict[str, Tensor]:
        return {name: -scores for name, scores in super().__call__(model, x, y).items()}


@pytest.mark.parametrize("scope", ["global", "per_layer"])
def test_the_other_end_of_the_other_end_is_the_same_end(scope: Any) -> None:
    torch.manual_seed(0)
    model = models.wang_cnn(10)
    once = masks_for(model, P(criterion=FPGM(), sparsity=0.3, scope=scope))
    twice = masks_for(model, P(criterion=Upside(), sparsity=0.3, scope=scope, largest=True))
    assert once == twice
    assert once != masks_for(model, P(criterion=FPGM(), sparsity=0.3, scope=scope, largest=True))


@pytest.mark.parametrize("criterion", [FPGM(), FilterNorm(), RandomFilters()], ids=repr)
def test_what_goes_from_one_end_and_from_the_other_is_everything(criterion: Any) -> None:
    torch.manual_seed(0)
    model = models.vgg16(10, width=4)
    lowest = masks_for(model, P(criterion=criterion, sparsity=0.25, scope="per_layer"))
    highest = masks_for(model, P(criterion=criterion, sparsity=0.75, scope="per_layer", largest=True))
    for name in criterion(model):
        assert torch.equal(lowest[name], ~highest[name])


def test_random_filters_are_others_for_another_seed_and_the_same_for_networks_of_one_shape() -> None:
    first, second = models.vgg16(10, width=4), models.vgg16(10, width=4)
    assert all(torch.equal(a, b) for a, b in zip(RandomFilters()(first).values(), RandomFilters()(second).values()))
    assert not torch.equal(RandomFilters()(first)["conv5.weight"], RandomFilters(seed=1)(first)["conv5.weight"])
    masks = prune(copy.deepcopy(first), RandomFilters(), sparsity=0.5, scope="per_layer")
    kept = [masks[name].flatten(1).any(1).float().mean().item() for name in RandomFilters()(first)]
    assert kept == [0.5] * 13


def test_hidden_units_are_ranked_where_that_is_asked() -> None:
    model, x = models.mlp(10, image_size=4, hidden=(6, 5)), torch.rand(2, 1, 4, 4)
    for criterion in (FPGM(include_linear=True), RandomFilters(include_linear=True)):
        assert [len(scores) for scores in criterion(model, x).values()] == [6, 5]
