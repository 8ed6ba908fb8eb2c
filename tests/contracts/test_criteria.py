"""What every criterion promises."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from blackthorn.pruning import prune, sparsity

from ..attacks.networks import cnn
from .examples import CRITERIA

EVERY_CRITERION = pytest.mark.parametrize("criterion", CRITERIA, ids=repr)


@EVERY_CRITERION
def test_scores_name_parameters_and_have_the_shape_of_what_is_scored(
    criterion: Any, model: nn.Module, x: Tensor, y: Tensor
) -> None:
    parameters = dict(model.named_parameters())
    scores = criterion(model, x, y)
    assert scores and set(scores) <= set(parameters)
    for name, score in scores.items():
        shape = parameters[name].shape
        assert score.shape == (shape if criterion.granularity == "weights" else shape[:1])
        assert torch.isfinite(score).all() and not score.requires_grad


@EVERY_CRITERION
def test_a_criterion_leaves_the_network_as_it_was(criterion: Any, x: Tensor, y: Tensor) -> None:
    model = cnn().train()
    before = copy.deepcopy(model.state_dict())
    criterion(model, x, y)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.training and all(p.grad is None and p.requires_grad for p in model.parameters())


@EVERY_CRITERION
def test_scores_are_the_same_twice(criterion: Any, model: nn.Module, x: Tensor, y: Tensor) -> None:
    first, second = criterion(model, x, y), criterion(model, x, y)
    assert all(torch.equal(first[name], second[name]) for name in first)


@EVERY_CRITERION
@pytest.mark.parametrize("scope", ["global", "per_layer"])
def test_masks_are_nested_in_the_rate(criterion: Any, scope: Any, model: nn.Module, x: Tensor, y: Tensor) -> None:
    rates = (0.3, 0.5, 0.7)
    few, some, most = (prune(copy.deepcopy(model), criterion, sparsity=rate, scope=scope, x=x, y=y) for rate in rates)
    for name in few:
        assert (most[name] <= some[name]).all() and (some[name] <= few[name]).all()


@EVERY_CRITERION
def test_what_is_pruned_is_exactly_zero(criterion: Any, model: nn.Module, x: Tensor, y: Tensor) -> None:
    masks = prune(model, criterion, sparsity=0.5, x=x, y=y)
    parameters = dict(model.named_parameters())
    assert all((parameters[name][~keep] == 0).all() for name, keep in masks.items())
    zeros = sparsity(model)
    assert zeros.weights > 0.2 if criterion.granularity == "weights" else zeros.filters == 0.5
