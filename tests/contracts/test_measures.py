"""What every measure promises: the network as it was, and records that the store can keep and read back."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from blackthorn import results
from blackthorn.measuring import Subject
from blackthorn.results import AnyRecord, Record, to_json
from blackthorn.values import parse

from .examples import IMAGES, MEASURES


@pytest.fixture
def model(model: nn.Module) -> nn.Module:
    """The same network with ReLU, which proofs can follow."""
    for name, module in list(model.named_children()):
        if isinstance(module, nn.Tanh):
            setattr(model, name, nn.ReLU())
    return model


EVERY_MEASURE = pytest.mark.parametrize("measure", MEASURES, ids=repr)


def records(measure: Any, model: nn.Module, x: Tensor, y: Tensor) -> list[Record]:
    noises = [torch.full(x.shape[1:], 0.2)] * len(measure.noises)
    subject = Subject(model, x, y, noises=noises, scored_on=(x, y), forms=lambda *also: {"dense": model})
    return list(measure.measure(subject).records)


@EVERY_MEASURE
def test_records_are_flat_json_with_what_and_how_much(measure: Any, model: nn.Module, x: Tensor, y: Tensor) -> None:
    for record in map(to_json, records(measure, model, x, y)):
        assert json.loads(json.dumps(record, allow_nan=False)) == record
        assert record["measure"] == measure.kind and isinstance(record["value"], (int, float)) and record["n"]


@EVERY_MEASURE
def test_a_record_reads_back_from_its_line_as_itself(measure: Any, model: nn.Module, x: Tensor, y: Tensor) -> None:
    for record in records(measure, model, x, y):
        assert parse(AnyRecord, json.loads(json.dumps(to_json(record)))) == record


@EVERY_MEASURE
def test_the_number_of_a_record_lies_in_its_interval(measure: Any, model: nn.Module, x: Tensor, y: Tensor) -> None:
    for reading in (record.reading for record in records(measure, model, x, y)):
        assert reading is None or (reading.low <= reading.value <= reading.high and reading.n > 0)


@EVERY_MEASURE
def test_effort_is_that_of_the_images_that_are_measured(measure: Any) -> None:
    if hasattr(measure, "n_max"):
        assert replace(measure, n_max=8).effort(1000) == replace(measure, n_max=1000).effort(8) > 0


def test_every_exported_class_of_records_is_that_of_a_measure_or_of_made_images() -> None:
    exported = (getattr(results, name) for name in results.__all__)
    kinds = {
        made.measure for made in exported if isinstance(made, type) and issubclass(made, Record) and made != Record
    }
    assert kinds == {measure.kind for measure in MEASURES} | {f"{one.kind}_images" for one in IMAGES if one.recorded}


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
