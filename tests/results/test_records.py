"""Records of every kind: what earlier versions wrote is read, and what is written reads back as itself."""

import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from blackthorn.results import AccuracyRecord, AnyRecord, CostRecord, DetectionRecord, PruningCurveRecord, to_json

WHERE = {
    "key": "accuracy-003464b54e37", "dataset": "mnist", "fingerprint": "cf635799d0ce092a", "architecture": "mlp",
    "seed": 0, "version": "0.1.0", "commit": "0ffa0d82ee4c", "torch": "2.13.0+cpu", "python": "3.11.7",
    "device": "AMD EPYC", "threads": 1,
}  # fmt: skip

OLD: dict[type, dict[str, Any]] = {
    AccuracyRecord: {
        "measure": "accuracy", "value": 0.22, "n": 500, "low": 0.18590093257162363, "high": 0.25836869808684565,
        "attack": None, "eps": None, "norm": None, "mean_linf": None, "mean_l2": None, "warnings": [],
        "precision": "float32", "seconds": 0.062, "requested_sparsity": 0.5, "sparsity_weights": 0.49885189437428246,
        "sparsity_filters": 0.0, "sparsity_units": 0.0, "classes": ["0", "1"], "parameters": 3487310, **WHERE,
    },
    CostRecord: {
        "measure": "cost", "metric": "parameters", "form": "dense", "batch": None, "value": 178986, "low": None,
        "high": None, "unit": "count", "n": 1, "requested_sparsity": 0.75, "sparsity_weights": 0.933428775948461,
        "sparsity_filters": 0.75, "sparsity_units": 0.75, **WHERE, "seconds": 0.0,
    },
    PruningCurveRecord: {
        "measure": "pruning_curve", "criterion": "activated_value", "also": None, "layer": None, "rate": 0.33,
        "sparsity": 0.3292422502870264, "noise": "3, 0.25", "target": 3, "limit": 0.25, "value": 0.502,
        "low": 0.45832636322986225, "high": 0.5456431394082917, "n": 500, "targeted_success": 0.25, "highest": False,
        "gained": 1, "lost": 1, "warnings": ["weak"], **WHERE, "seconds": 0.0,
    },
    DetectionRecord: {
        **WHERE, "measure": "detection", "attack": {"kind": "pgd", "eps": 0.1}, "noise": None, "eps": 0.1,
        "adaptive": False, "value": 0.9, "low": 0.85, "high": 0.93, "n": 500, "fooled": 0, "auroc_fooled": None,
        "auroc_fooled_low": None, "auroc_fooled_high": None, "tpr_1": 0.1, "tpr_5": 0.3, "threshold_5": 0.2,
        "accuracy": 0.98, "accuracy_attacked": 1.0, "undetected": 0.0, "undetected_low": 0.0, "undetected_high": 0.01,
        "roc": [[0.0, 0.0], [1.0, 1.0]], "outputs": "raw", "warnings": [], "seconds": 1.25,
    },
}  # fmt: skip
"""Lines of `records.jsonl` as version 0.1.0 wrote them."""

EVERY_KIND = pytest.mark.parametrize("kind", OLD, ids=lambda kind: kind.__name__)


@EVERY_KIND
def test_a_line_of_an_old_store_is_read_as_its_kind_and_nothing_that_it_says_is_lost(kind: type) -> None:
    read = TypeAdapter(AnyRecord).validate_python(OLD[kind])
    assert type(read) is kind
    assert to_json(read) == {
        **{name: said for name, said in OLD[kind].items() if said is not None and said != []},
        **{name: said for name, said in to_json(read).items() if name not in OLD[kind]},
    }


@EVERY_KIND
def test_a_record_reads_back_from_its_line_as_itself(kind: type) -> None:
    read = TypeAdapter(AnyRecord).validate_python(OLD[kind])
    assert TypeAdapter(AnyRecord).validate_python(json.loads(json.dumps(to_json(read), allow_nan=False))) == read


def test_what_a_newer_version_adds_is_passed_over() -> None:
    newer = {**OLD[AccuracyRecord], "certified": 0.1}
    assert TypeAdapter(AnyRecord).validate_python(newer) == TypeAdapter(AnyRecord).validate_python(OLD[AccuracyRecord])


@pytest.mark.parametrize("wrong", [{"value": "much"}, {"n": None}, {"measure": "beauty"}])
def test_a_line_that_is_no_record_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(AnyRecord).validate_python({**OLD[AccuracyRecord], **wrong})


@EVERY_KIND
def test_a_class_of_records_says_which_measure_makes_it(kind: Any) -> None:
    assert kind.measure == OLD[kind]["measure"]
