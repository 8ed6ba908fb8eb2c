"""What every measure promises: the network as it was, and records that JSON can hold."""

import copy
import json
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from blackthorn.measuring import Subject
from blackthorn.results import to_json

from .examples import MEASURES


@pytest.fixture
def model(model: nn.Module) -> nn.Module:
    """The same network with ReLU, which proofs can follow."""
    for name, module in list(model.named_children()):
        if isinstance(module, nn.Tanh):
            setattr(model, name, nn.ReLU())
    return model


EVERY_MEASURE = pytest.mark.parametrize("measure", MEASURES, ids=repr)


def records(measure: Any, model: nn.Module, x: Tensor, y: Tensor) -> list[dict[str, object]]:
    noises = [torch.full(x.shape[1:], 0.2)] * len(measure.noises)
    subject = Subject(model, x, y, noises=noises, scored_on=(x, y), forms=lambda: {"dense": model})
    return [to_json(record) for record in measure.measure(subject).records]


@EVERY_MEASURE
def test_records_are_flat_json_with_what_and_how_much(measure: Any, model: nn.Module, x: Tensor, y: Tensor) -> None:
    for record in records(measure, model, x, y):
        assert json.loads(json.dumps(record, allow_nan=False)) == record
        assert record["measure"] == measure.kind and isinstance(record["value"], (int, float)) and record["n"]


@EVERY_MEASURE
def test_a_measure_leaves_the_network_the_images_and_torchs_generator_as_they_were(
    measure: Any, model: nn.Module, x: Tensor, y: Tensor
) -> None:
    model.train()
    before, images, generator = copy.deepcopy(model.state_dict()), x.clone(), torch.get_rng_state()
    records(measure, model, x, y)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert torch.equal(x, images) and torch.equal(torch.get_rng_state(), generator)
