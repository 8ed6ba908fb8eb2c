import json

import pytest
import torch
from pydantic import TypeAdapter

from blackthorn import models
from blackthorn.errors import ModelError
from blackthorn.measuring import Cost, Measure, Subject, cost_records
from blackthorn.results import AnyRecord, to_json
from blackthorn.values import parse, spell


def test_cost_records_have_every_metric_of_every_form():
    forms = {"dense": models.wang_cnn(), "masked": models.wang_cnn()}
    records = cost_records(forms, torch.rand(1, 1, 28, 28), batches=(1, 2), repeats=5, seconds=0.1)
    assert {(one.form, one.metric, one.batch) for one in records} == {
        (form, metric, batch)
        for form in forms
        for metric, batch in [
            ("parameters", None),
            ("nonzero", None),
            ("macs", None),
            ("bytes", None),
            ("latency", 1),
            ("latency", 2),
        ]
    }
    lines = [json.loads(json.dumps(to_json(one))) for one in records]
    assert [TypeAdapter(AnyRecord).validate_python(line) for line in lines] == records


def test_latency_is_in_milliseconds_between_its_quartiles():
    records = cost_records({"dense": models.mlp(hidden=[4])}, torch.rand(1, 1, 28, 28), batches=(1,), repeats=5)
    (took,) = [one for one in records if one.metric == "latency"]
    assert took.unit == "ms" and took.n == 5
    assert 1e-3 < took.low <= took.value <= took.high < 100


def test_counts_are_exact():
    records = cost_records({"dense": models.wang_cnn()}, torch.rand(1, 1, 28, 28), batches=())
    got = {one.metric: one.value for one in records}
    assert (got["parameters"], got["macs"], got["nonzero"]) == (178_986, 2_347_648, 178_816)


def test_cost_times_the_batches_it_was_told():
    records = Cost(batches=(3,), repeats=1)({"dense": models.mlp(hidden=[4])}, torch.rand(1, 1, 28, 28))
    assert [one.batch for one in records if one.metric == "latency"] == [3]
    assert parse(Cost, spell(Cost(batches=(3,)))) == Cost(batches=(3,))


def test_cost_of_a_subject_is_that_of_its_forms_and_is_measured_alone():
    model, asked = models.mlp(hidden=[4]), []

    def forms():
        asked.append(1)
        return {"dense": model, "masked": model}

    measure, x = Cost(batches=(3,), repeats=1), torch.zeros(5, 1, 28, 28, dtype=torch.uint8)
    found = measure.measure(Subject(model, x, torch.zeros(5), forms=forms))
    assert {one.form for one in found.records} == {"dense", "masked"} and asked == [1]
    assert measure.timed and isinstance(measure, Measure)
    with pytest.raises(ModelError, match="give Subject"):
        measure.measure(Subject(model, x, torch.zeros(5)))


def test_how_long_cost_takes_depends_on_batches_and_rounds_and_on_no_images():
    assert Cost(batches=(1, 9), repeats=2).effort(10_000) == 3 * 2 * 10
