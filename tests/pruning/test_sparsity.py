import pytest
import torch
from torch import nn

from blackthorn.pruning import sparsity

from ..channels.networks import Chain


def test_three_ways_of_counting_differ() -> None:
    model = Chain()
    with torch.no_grad():
        model[0].weight[:3] = 0  # 3 of 14 filters: 3 * 27 weights
        model[7].weight[0] = 0  # 1 of 10 hidden units: 128 weights
        model[9].weight[0] = 0  # logits are no units: 10 weights
    found = sparsity(model)
    total = 6 * 27 + 8 * 54 + 10 * 128 + 5 * 10
    assert found.weights == pytest.approx((3 * 27 + 128 + 10) / total)
    assert found.filters == pytest.approx(3 / 14)
    assert found.units == pytest.approx(4 / 24)


def test_a_dense_network_has_none_and_one_without_convolutions_no_filters() -> None:
    found = sparsity(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)))
    assert (found.weights, found.filters, found.units) == (0.0, 0.0, 0.0)


def test_a_tied_weight_counts_once() -> None:
    one, other = nn.Linear(3, 3), nn.Linear(3, 3)
    other.weight = one.weight
    with torch.no_grad():
        one.weight[0] = 0
    assert sparsity(nn.Sequential(one, other, nn.Linear(3, 1))).weights == pytest.approx(3 / 12)


def test_it_reads_as_a_sentence() -> None:
    assert str(sparsity(Chain())) == "0.0 % of weights, 0.0 % of filters, 0.0 % of units"
