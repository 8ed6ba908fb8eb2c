"""Statements about cost, on hand-made times and counts."""

from pathlib import Path
from typing import Any

import pytest

from blackthorn.claims import Cheaper, Proportional, Verdict, judge
from blackthorn.errors import RecipeError
from blackthorn.results import Grid, Row
from blackthorn.values import ValidationError

from ..recipes.tiny import read, tiny
from .grids import cost, grid

IN_PROPORTION = Proportional(text="t", rows=("a", "b", "c"), batch=16)


def costing(seeds: tuple[int, ...] = (0,), batch: int = 16, **rows: tuple[float, float, float]) -> Verdict:
    """row -> multiplications left, milliseconds, and those of the dense network timed in turns with it."""
    cells = []
    for row, (macs, took, dense) in rows.items():
        forms = [("dense", 1000.0, dense), ("masked", 900.0, 99.0), ("shrunk", macs, took)]
        for form, count, ms in forms:
            cells += [
                cost(row, "macs", form, count),
                cost(row, "latency", form, 1.0, batch=1),
                cost(row, "latency", form, ms, batch=batch),
            ]
    return judge([IN_PROPORTION], grid(cells, seeds))[0]


@pytest.mark.parametrize(
    ("rows", "holds"),
    [
        ({"a": (100, 2, 10), "b": (200, 3, 10), "c": (400, 5, 10)}, True),
        ({"a": (100, 2, 10), "b": (200, 6, 20), "c": (400, 2.5, 5)}, True),  # a machine that changes its speed
        ({"a": (100, 2, 10), "b": (200, 5, 10), "c": (400, 3, 10)}, False),  # no line
        ({"a": (100, 5, 10), "b": (200, 4, 10), "c": (400, 2, 10)}, False),  # it falls
        ({"a": (100, 5, 10), "b": (200, 5, 10), "c": (400, 5, 10)}, False),  # whatever is left, the same
    ],
)
def test_time_in_proportion_to_what_is_left(rows: dict[str, tuple[float, float, float]], holds: bool) -> None:
    assert costing(**rows).holds is holds


def test_evidence_about_time_is_the_line() -> None:
    """0.1 + 0.001 a multiplication: 1,000 a million."""
    said = costing(a=(100, 2, 10), b=(200, 3, 10), c=(400, 5, 10)).evidence
    assert said == "of the dense network's time at batch 16: 0.1 + 1e+03 a million multiplications; R² 1.000"


def test_costs_that_are_not_there_leave_the_statement_open() -> None:
    assert costing(a=(100, 2, 10), b=(200, 3, 10)).evidence == "not measured yet: c, cost"
    rows = {"a": (100.0, 2.0, 10.0), "b": (200.0, 3.0, 10.0), "c": (400.0, 5.0, 10.0)}
    assert costing(batch=250, **rows) == Verdict("t", None, "no times at batch 16")
    assert costing(seeds=(0, 1), **rows).holds is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metric": "natural"}, "'t' names the cost 'natural'"),
        ({"rows": ["dense", "weight 50%"]}, "name three or more"),
    ],
)
def test_a_statement_about_costs_is_checked_when_the_recipe_is_read(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    recipe = tiny()
    rows = ["dense", "weight 50%", "dense"]
    recipe["statements"].append({"kind": "proportional", "text": "t", "rows": rows, "batch": 1, **changes})
    with pytest.raises(RecipeError, match=said):
        read(tmp_path, recipe)


@pytest.mark.parametrize(
    ("shrunk", "holds"), [((20.0, 24.0), True), ((20.0, 40.0), None), ((40.0, 60.0), False), ((20.0, 99.0), None)]
)
def test_a_network_is_so_many_times_cheaper_when_every_seed_says_so(
    shrunk: tuple[float, ...], holds: bool | None
) -> None:
    cells = [cost("anp", "bytes", "dense", 100.0, seed=seed) for seed in (0, 1)]
    cells += [cost("anp", "bytes", "shrunk", value, seed=seed) for seed, value in enumerate(shrunk)]
    said = Cheaper(text="A third is left", rows=("anp",), of="bytes", times=3)
    (verdict,) = judge([said], Grid([Row("anp")], {"cost": "cost"}, [0, 1], cells))
    assert verdict.holds is holds


def test_a_latency_wants_a_batch_size_and_a_network_of_one_form_cannot_be_cheaper() -> None:
    cells = [cost("anp", "latency", "dense", 3.0, batch=128)]
    said = Cheaper(text="Fast", rows=("anp",), of="latency", batch=128, times=3)
    (verdict,) = judge([said], Grid([Row("anp")], {"cost": "cost"}, [0], cells))
    assert verdict.holds is None and "no smaller form" in verdict.evidence
    with pytest.raises(ValidationError, match="write batch: 128"):
        Cheaper(text="Fast", rows=("anp",), of="latency", times=3)
