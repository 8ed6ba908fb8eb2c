import copy
import math

import pytest
import torch
from torch import nn

from blackthorn.errors import PruningError
from blackthorn.pruning import Masks


def masks(**rows: list[int]) -> Masks:
    return Masks({name: torch.tensor(row, dtype=torch.bool) for name, row in rows.items()})


def test_and_keeps_what_both_keep() -> None:
    assert (masks(a=[1, 1, 0]) & masks(a=[1, 0, 1], b=[0])) == masks(a=[1, 0, 0], b=[0])


def test_or_keeps_what_either_keeps_and_forgets_what_only_one_masks() -> None:
    assert (masks(a=[1, 1, 0], c=[0]) | masks(a=[1, 0, 0], b=[0])) == masks(a=[1, 1, 0])


def test_counts_and_repr_say_how_much_goes() -> None:
    some = masks(a=[1, 0, 0, 0], b=[1, 1, 1, 0])
    assert (some.kept, some.removed) == (4, 4)
    assert repr(some) == "Masks(2 tensors, 4 of 8 entries removed, 50.00 %)"


def test_apply_zeroes_even_nan() -> None:
    layer = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(math.nan)
    Masks({"weight": torch.tensor([[False, False]])}).apply_(layer)
    assert layer.weight.tolist() == [[0.0, 0.0]]


def test_deepcopy_is_equal_and_apart() -> None:
    some = masks(a=[1, 0])
    other = copy.deepcopy(some)
    assert other == some and other["a"] is not some["a"]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (masks(wieght=[1]), "no parameter 'wieght'; did you mean 'weight'"),
        (masks(weight=[1]), r"'weight' has shape \(1,\), the parameter \(1, 2\)"),
    ],
)
def test_masks_of_another_network_are_refused_before_anything_changes(bad: Masks, says: str) -> None:
    layer = nn.Linear(2, 1)
    before = copy.deepcopy(layer.state_dict())
    with pytest.raises(PruningError, match=says):
        bad.apply_(layer)
    assert all(torch.equal(before[name], tensor) for name, tensor in layer.state_dict().items())


def test_a_mask_that_is_not_bool_is_refused() -> None:
    with pytest.raises(PruningError, match=r"mask of 'a' must be a bool tensor"):
        Masks({"a": torch.ones(2)})
