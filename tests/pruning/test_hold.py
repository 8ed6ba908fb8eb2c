import copy
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer, RMSprop

from blackthorn.errors import PruningError
from blackthorn.pruning import FilterNorm, Hold, Magnitude, Masks, prune

from ..channels.networks import Chain, images, lively

Make = Callable[[list[nn.Parameter]], Optimizer]
OPTIMISERS: list[Make] = [
    lambda p: SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1, nesterov=True),
    lambda p: Adam(p, lr=0.01, weight_decay=0.1),
    lambda p: RMSprop(p, lr=0.01, momentum=0.9),
]


def step(model: nn.Module, optimiser: Optimizer, x: Tensor) -> None:
    optimiser.zero_grad()
    model(x).square().sum().backward()
    optimiser.step()


@pytest.mark.parametrize("make", OPTIMISERS)
@pytest.mark.parametrize("criterion", [Magnitude(), FilterNorm()])
def test_pruned_weights_stay_exactly_zero_in_training(make: Make, criterion: Magnitude) -> None:
    model = lively(Chain()).train()
    optimiser = make(list(model.parameters()))
    step(model, optimiser, images())  # momentum from before the pruning keeps pushing
    masks = prune(model, criterion, sparsity=0.6, x=images())
    hold = Hold(masks)
    for _ in range(5):
        step(model, optimiser, images())
        hold.after_step(model)
    parameters = dict(model.named_parameters())
    assert all((parameters[name][~mask] == 0).all() for name, mask in masks.items())
    assert any((parameters[name][mask] != 0).any() for name, mask in masks.items())


def test_without_hold_they_would_not() -> None:
    model = lively(Chain()).train()
    masks = prune(model, Magnitude(), sparsity=0.6)
    step(model, SGD(model.parameters(), lr=0.1), images())
    assert (dict(model.named_parameters())["0.weight"][~masks["0.weight"]] != 0).any()


def test_a_hold_of_another_run_takes_the_masks_of_the_checkpoint() -> None:
    model = lively(Chain())
    masks = prune(copy.deepcopy(model), Magnitude(), sparsity=0.5)
    hold = Hold(Masks({name: torch.ones_like(mask) for name, mask in masks.items()}))
    hold.after_step(model)
    hold.load_state_dict(Hold(masks).state_dict())
    hold.after_step(model)
    assert hold.masks == masks
    assert (dict(model.named_parameters())["7.weight"][~masks["7.weight"]] == 0).all()


def test_a_checkpoint_with_other_masks_is_refused() -> None:
    one = Masks({"a": torch.ones(1, dtype=torch.bool)})
    with pytest.raises(PruningError, match="checkpoint holds other masks"):
        Hold(one).load_state_dict({"b": torch.ones(1, dtype=torch.bool)})


def test_a_hold_costs_nothing_to_the_objective() -> None:
    hold = Hold(Masks({}))
    assert hold.penalty(nn.Linear(1, 1)) is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_even_nan_is_zeroed_and_what_stays_is_not_touched(dtype: torch.dtype) -> None:
    layer = nn.Linear(2, 2, dtype=dtype)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-1.5, math.nan], [math.inf, 0.25]]))
    Hold(Masks({"weight": torch.tensor([[True, False], [False, True]])})).after_step(layer)
    assert layer.weight.tolist() == [[-1.5, 0.0], [0.0, 0.25]]


def test_the_gradient_of_the_next_step_is_that_of_the_held_weights() -> None:
    layer = nn.Linear(2, 1, bias=False)
    hold = Hold(Masks({"weight": torch.tensor([[True, False]])}))
    hold.after_step(layer)
    layer(torch.ones(1, 2)).square().sum().backward()
    assert layer.weight.grad is not None
    torch.testing.assert_close(layer.weight.grad, 2 * layer.weight.detach()[:, :1].expand(1, 2))
