"""Fully connected networks without the units that pruning killed, as PARANA's package consolidates biases."""

import copy

import pytest
import torch
from torch import Tensor, nn

from blackthorn import models
from blackthorn.pruning import Magnitude, Masks, prune, shrink

DEAD = slice(0, 200)
"""Units of fc2 whose incoming weights all go; their biases are positive, zero and negative."""
UNREAD = slice(300, 350)
"""Units of fc2 whose outgoing weights all go."""


@pytest.fixture(scope="module")
def pruned() -> tuple[nn.Module, Masks]:
    """The article's network with weights as decay leaves them: those of some units are tiny, so 90 % takes them all."""
    torch.manual_seed(0)
    model = models.mlp(10).eval()
    with torch.no_grad():
        model.fc2.weight[DEAD] *= 1e-4
        model.fc2.bias[DEAD] = torch.linspace(-0.5, 0.5, 200)
        model.fc3.weight[:, UNREAD] *= 1e-4
    masks = prune(model, Magnitude(include_output=False), sparsity=0.9, scope="per_layer")
    assert not model.fc2.weight[DEAD].any() and not model.fc3.weight[:, UNREAD].any()
    return model, masks


def images(n: int = 20) -> Tensor:
    return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def test_dead_units_of_the_articles_network_go_and_its_outputs_stay(pruned: tuple[nn.Module, Masks]) -> None:
    model, masks = pruned
    small = shrink(model, masks, example=images(1))
    assert [small.get_submodule(f"fc{i}").out_features for i in (1, 2, 3)] == [1500, 750, 800]
    assert (small.fc3.in_features, small.out.in_features) == (750, 800)
    torch.testing.assert_close(small(images()), model(images()), rtol=0, atol=1e-5)


@torch.no_grad()
def test_units_without_a_reader_go_when_the_output_layer_is_pruned_too(pruned: tuple[nn.Module, Masks]) -> None:
    model = copy.deepcopy(pruned[0])
    model.out.weight[model.out.weight.abs() < model.out.weight.abs().quantile(0.9)] = 0.0
    read = int(model.out.weight.any(0).sum())
    assert read < 700
    small = shrink(model, None, example=images(1))
    assert small.fc3.out_features == read
    torch.testing.assert_close(small(images()), model(images()), rtol=0, atol=1e-5)


@torch.no_grad()
def test_what_dead_units_emit_is_added_to_the_next_bias(pruned: tuple[nn.Module, Masks]) -> None:
    """bias + W[:, unit] * relu(b) over the dead units, by hand."""
    model, masks = pruned
    small = shrink(model, masks, example=images(1))
    emitted = torch.relu(model.fc2.bias[DEAD])
    assert emitted.max() > 0.4 and emitted.min() == 0
    torch.testing.assert_close(small.fc3.bias, model.fc3.bias + model.fc3.weight[:, DEAD] @ emitted)
    assert not torch.allclose(small.fc3.bias, model.fc3.bias)


@torch.no_grad()
def test_a_unit_that_reads_only_dead_units_is_dead(pruned: tuple[nn.Module, Masks]) -> None:
    model = copy.deepcopy(pruned[0])
    model.fc3.weight[7] = 0.0
    model.fc3.weight[7, DEAD] = torch.rand(200)
    small = shrink(model, None, example=images(1))
    assert small.fc3.out_features == 799
    torch.testing.assert_close(small(images()), model(images()), rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_layer_that_is_all_dead_makes_the_network_a_constant() -> None:
    model = models.mlp(10, image_size=4, hidden=(30, 20)).eval()
    model.fc2.weight.zero_()
    small = shrink(model, None, example=torch.rand(1, 1, 4, 4))
    assert (small.fc1.out_features, small.fc2.out_features) == (1, 1)
    x = torch.rand(5, 1, 4, 4)
    torch.testing.assert_close(small(x), model(x), rtol=0, atol=1e-6)
