import json

import torch

from blackthorn import models
from blackthorn.measuring import Cost, cost_records
from blackthorn.values import parse, spell

FIELDS = ["measure", "metric", "form", "batch", "value", "low", "high", "unit", "n"]


def test_cost_records_have_every_metric_of_every_form():
    forms = {"dense": models.wang_cnn(), "masked": models.wang_cnn()}
    records = cost_records(forms, torch.rand(1, 1, 28, 28), batches=(1, 2), repeats=5, seconds=0.1)
    assert {(one["form"], one["metric"], one["batch"]) for one in records} == {
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
    assert all(list(one) == FIELDS for one in records)
    assert json.loads(json.dumps(records)) == records


def test_latency_is_in_milliseconds_between_its_quartiles():
    records = cost_records({"dense": models.mlp(hidden=[4])}, torch.rand(1, 1, 28, 28), batches=(1,), repeats=5)
    (took,) = [one for one in records if one["metric"] == "latency"]
    assert took["unit"] == "ms" and took["n"] == 5
    assert 1e-3 < took["low"] <= took["value"] <= took["high"] < 100


def test_counts_are_exact():
    records = cost_records({"dense": models.wang_cnn()}, torch.rand(1, 1, 28, 28), batches=())
    got = {one["metric"]: one["value"] for one in records}
    assert (got["parameters"], got["macs"], got["nonzero"]) == (178_986, 2_347_648, 178_816)


def test_cost_times_the_batches_it_was_told():
    records = Cost(batches=(3,), repeats=1)({"dense": models.mlp(hidden=[4])}, torch.rand(1, 1, 28, 28))
    assert [one["batch"] for one in records if one["metric"] == "latency"] == [3]
    assert parse(Cost, spell(Cost(batches=(3,)))) == Cost(batches=(3,))
