"""Statements on hand-made answers: 400 images, right or wrong, for which the numbers can be worked out by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from blackthorn.claims.statements import (
    Above,
    AnyStatement,
    AtLeast,
    AtMost,
    Further,
    Higher,
    Keeps,
    Lower,
    NotBelow,
    Proportional,
    Sooner,
    judge,
)
from blackthorn.errors import RecipeError
from blackthorn.results.cells import Cell, Verdict

from .tiny import read, tiny

N = 400
COMPARED: dict[str, Any] = {"text": "t", "rows": ("pruned",), "than": "dense", "metrics": ("natural",)}
ALONE: dict[str, Any] = {"text": "t", "rows": ("dense",), "metrics": ("natural",)}


def right(first: int, last: int) -> NDArray[np.bool_]:
    """Images `first` to `last` are classified right."""
    return np.array([first <= image < last for image in range(N)])


def verdict(statement: AnyStatement, seeds: tuple[int, ...] = (0,), **answers: list[NDArray[np.bool_]]) -> Verdict:
    """Judge from the answers of each row, one array for each seed."""
    cells = [
        Cell(row, "natural", seed, {"measure": "accuracy"}, flags, Path())
        for row, by_seed in answers.items()
        for seed, flags in zip(seeds, by_seed)
    ]
    return judge([statement], cells, seeds)[0]


@pytest.mark.parametrize(
    ("statement", "dense", "pruned", "holds"),
    [
        # the same answers: the difference is exactly 0
        (Keeps(**COMPARED, points=1), right(0, 380), right(0, 380), True),
        # 8 of 400 lost, none gained: 2 points, interval about [-3.6, -0.4]
        (Keeps(**COMPARED, points=5), right(0, 380), right(0, 372), True),
        (Keeps(**COMPARED, points=3), right(0, 380), right(0, 372), None),
        (Keeps(**COMPARED, points=1), right(0, 380), right(0, 372), False),
        # better than before keeps
        (Keeps(**COMPARED, points=0), right(0, 300), right(0, 340), True),
        # 40 lost, none gained: p < 0.001
        (Lower(**COMPARED), right(0, 380), right(0, 340), True),
        # 1 lost: not lower beyond chance
        (Lower(**COMPARED), right(0, 380), right(0, 379), None),
        (Lower(**COMPARED), right(0, 380), right(0, 380), False),
        (Lower(**COMPARED), right(0, 340), right(0, 380), False),
        # the same the other way round
        (Higher(**COMPARED), right(0, 340), right(0, 380), True),
        (Higher(**COMPARED), right(0, 379), right(0, 380), None),
        (Higher(**COMPARED), right(0, 380), right(0, 380), False),
        (Higher(**COMPARED), right(0, 380), right(0, 340), False),
        # 10 of 400: 2.5 %, Wilson interval [1.4, 4.5]
        (AtMost(**ALONE, percent=5), right(0, 10), right(0, 0), True),
        (AtMost(**ALONE, percent=3), right(0, 10), right(0, 0), None),
        (AtMost(**ALONE, percent=2), right(0, 10), right(0, 0), False),
        # 390 of 400: 97.5 %, Wilson interval [95.5, 98.6]
        (AtLeast(**ALONE, percent=95), right(0, 390), right(0, 0), True),
        (AtLeast(**ALONE, percent=97), right(0, 390), right(0, 0), None),
        (AtLeast(**ALONE, percent=98), right(0, 390), right(0, 0), False),
    ],
)
def test_a_statement_holds_fails_or_cannot_be_told(
    statement: AnyStatement, dense: NDArray[np.bool_], pruned: NDArray[np.bool_], holds: bool | None
) -> None:
    assert verdict(statement, dense=[dense], pruned=[pruned]).holds is holds


def test_comparisons_are_paired_image_by_image() -> None:
    """10 points less: significant when the same images are lost, not when each is wrong on its own images."""
    assert verdict(Lower(**COMPARED), dense=[right(0, 40)], pruned=[right(0, 20)]).holds is True
    assert verdict(Lower(**COMPARED), dense=[right(0, 190)], pruned=[right(230, 400)]).holds is None


def test_a_statement_about_several_places_fails_with_one_and_holds_only_with_all() -> None:
    both = Lower(text="t", rows=("a", "b"), than="dense", metrics=("natural",))
    dense, clearly, hardly = right(0, 380), right(0, 300), right(0, 379)
    assert verdict(both, dense=[dense], a=[clearly], b=[clearly]).holds is True
    assert verdict(both, dense=[dense], a=[clearly], b=[hardly]).holds is None
    assert verdict(both, dense=[dense], a=[hardly], b=[dense]).holds is False


def test_evidence_names_each_place_and_its_number() -> None:
    said = verdict(Keeps(**COMPARED, points=1), dense=[right(0, 380)], pruned=[right(0, 372)]).evidence
    assert said.startswith("pruned, natural: -2.00 points [")


def test_a_place_that_is_not_measured_leaves_the_statement_open() -> None:
    found = verdict(Keeps(**COMPARED, points=1), dense=[right(0, 380)])
    assert (found.holds, found.evidence) == (None, "not measured yet: pruned, natural")


def test_a_place_that_lacks_a_seed_leaves_the_statement_open() -> None:
    both, one = [right(0, 380), right(0, 380)], [right(0, 380)]
    assert verdict(Keeps(**COMPARED, points=1), seeds=(0, 1), dense=both, pruned=one).holds is None
    assert verdict(Keeps(**COMPARED, points=1), seeds=(0, 1), dense=both, pruned=both).holds is True


def test_answers_to_other_images_leave_the_statement_open() -> None:
    assert verdict(Keeps(**COMPARED, points=1), dense=[right(0, 380)], pruned=[right(0, 380)[:100]]).holds is None


@pytest.mark.parametrize(("written", "percent"), [(5, 5.0), ("5%", 5.0), ("0.5 %", 0.5)])
def test_percent_may_be_written_with_its_sign(written: object, percent: float) -> None:
    assert AtMost(**ALONE, percent=written).percent == percent  # type: ignore[arg-type]  # as YAML gives it


# ---- two measures on the same network ----

BLACK_BOX = NotBelow(text="t", rows=("dense",), metric="black-box", than_metric="fgsm", points=1)


def two_measures(
    black_box: NDArray[np.bool_], fgsm: NDArray[np.bool_], statement: NotBelow = BLACK_BOX, first: int = 0
) -> Verdict:
    """`first` images are left out of the black-box measure."""
    record = {"measure": "accuracy"}
    cells = [
        Cell("dense", "black-box", 0, {**record, "first": first}, black_box[first:], Path()),
        Cell("dense", "fgsm", 0, record, fgsm, Path()),
    ]
    return judge([statement], cells, (0,))[0]


@pytest.mark.parametrize(
    ("black_box", "fgsm", "points", "holds"),
    [
        (right(0, 300), right(0, 200), 0, True),
        (right(0, 300), right(0, 300), 1, True),
        (right(0, 300), right(0, 300), 0, None),  # the interval reaches below, the difference does not
        (right(0, 299), right(0, 300), 0, False),
        (right(0, 298), right(0, 300), 1, None),
    ],
)
def test_one_measure_is_not_below_another_on_the_same_network(
    black_box: NDArray[np.bool_], fgsm: NDArray[np.bool_], points: float, holds: bool | None
) -> None:
    statement = NotBelow(text="t", rows=("dense",), metric="black-box", than_metric="fgsm", points=points)
    assert two_measures(black_box, fgsm, statement).holds is holds


def test_images_left_out_of_one_measure_are_left_out_of_the_other() -> None:
    """All that FGSM fools is among the first 150 images, which the black-box attack does not measure."""
    assert two_measures(right(0, 400), right(150, 400)).evidence.startswith("dense, black-box: +37.50 points")
    assert two_measures(right(0, 400), right(150, 400), first=150).evidence.startswith("dense, black-box: +0.00 points")


def test_a_measure_of_some_images_is_no_match_for_one_of_all() -> None:
    cells = [
        Cell("dense", "black-box", 0, {"first": 150}, right(150, 400)[150:350], Path()),
        Cell("dense", "fgsm", 0, {}, right(0, 400), Path()),
    ]
    found = judge([BLACK_BOX], cells, (0,))[0]
    assert (found.holds, found.evidence) == (None, "dense, black-box: not the same images")


def test_a_measure_is_not_compared_with_itself() -> None:
    with pytest.raises(ValueError, match="compared with itself"):
        NotBelow(text="t", rows=("dense",), metric="fgsm", than_metric="fgsm")
    with pytest.raises(ValueError, match="compared with itself"):
        Sooner(text="t", rows="weight *", than="dense", metrics=("fgsm",), than_metric="fgsm", points=1)
    with pytest.raises(ValueError, match="compared with itself"):
        Further(text="t", rows="weight *", against="weight *", than="dense", metrics=("fgsm",), points=1)


PAIRS: dict[str, Any] = {"text": "t", "rows": ("dense",), "metrics": ("a", "b"), "than_metrics": ("c", "d")}


def four_measures(statement: Above, **wrong: int) -> Verdict:
    """Images of the 400 that are wrong under each measure: 4 are a point."""
    cells = [Cell("dense", metric, 0, {}, right(0, N - count), Path()) for metric, count in wrong.items()]
    return judge([statement], cells, (0,))[0]


@pytest.mark.parametrize(
    ("wrong", "points", "fewest", "holds"),
    [
        # k images more are k / 4 points, with an interval of about +- 1.96 sqrt(k + 1) / 4
        ({"a": 0, "b": 0, "c": 80, "d": 80}, 10, None, True),
        ({"a": 0, "b": 0, "c": 80, "d": 42}, 10, None, None),  # 10.5 points, not surely more than 10
        ({"a": 0, "b": 0, "c": 80, "d": 40}, 10, None, False),  # exactly 10 are not more
        ({"a": 0, "b": 80, "c": 80, "d": 0}, 0, None, False),  # partners in order: a with c, b with d
        ({"a": 0, "b": 80, "c": 80, "d": 0}, 0, 1, True),
        ({"a": 0, "b": 0, "c": 42, "d": 0}, 10, 1, None),
        ({"a": 0, "b": 0, "c": 40, "d": 0}, 10, 1, False),
        ({"a": 0, "b": 0, "c": 80, "d": 80}, 10, 2, True),
    ],
)
def test_measures_are_above_their_partners_on_the_same_network(
    wrong: dict[str, int], points: float, fewest: int | None, holds: bool | None
) -> None:
    assert four_measures(Above(**PAIRS, points=points, fewest=fewest), **wrong).holds is holds


def test_evidence_about_some_of_several_pairs_counts_them() -> None:
    said = four_measures(Above(**PAIRS, fewest=1), a=0, b=80, c=80, d=0).evidence
    assert said.startswith("1 of 2, at least 1 wanted: dense, a: +20.00 points [") and "dense, b: -20.00 points" in said


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"than_metrics": ("c",)}, "2 metrics and 1 than_metrics; write pairs"),
        ({"than_metrics": ("c", "b")}, "'b' is compared with itself"),
        ({"fewest": 3}, "fewest: there are 2 comparisons, got 3"),
    ],
)
def test_pairs_that_are_none_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Above(**{**PAIRS, **changes})


def test_higher_in_some_of_several_comparisons_is_enough_if_the_recipe_says_so() -> None:
    def judged(fewest: int | None) -> bool | None:
        statement = Higher(text="t", rows=("a", "b"), than="dense", metrics=("natural",), fewest=fewest)
        return verdict(statement, dense=[right(0, 300)], a=[right(0, 340)], b=[right(0, 300)]).holds

    assert (judged(None), judged(1), judged(2)) == (False, True, False)
    with pytest.raises(ValueError, match="fewest: there are 2 comparisons, got 3"):
        judged(3)


# ---- costs ----

IN_PROPORTION = Proportional(text="t", rows=("a", "b", "c"), batch=16)


def costing(seeds: tuple[int, ...] = (0,), batch: int = 16, **rows: tuple[float, float, float]) -> Verdict:
    """row -> multiplications left, milliseconds, and those of the dense network timed in turns with it."""
    cells = []
    for row, (macs, took, dense) in rows.items():
        forms = [("dense", 1000.0, dense), ("masked", 900.0, 99.0), ("shrunk", macs, took)]
        for form, count, ms in forms:
            shared = {"measure": "cost", "form": form}
            records = [
                {**shared, "metric": "macs", "batch": None, "value": count},
                {**shared, "metric": "latency", "batch": 1, "value": 1.0},
                {**shared, "metric": "latency", "batch": batch, "value": ms},
            ]
            cells += [Cell(row, "cost", 0, record, None, Path()) for record in records]
    return judge([IN_PROPORTION], cells, seeds)[0]


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
    assert said == "0.1 + 1e+03 a million multiplications, of the dense network's time at batch 16; R² 1.000"


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


# ---- along a sweep: 1 point is 4 images, and k lost images have an interval of about +- 1.96 sqrt(k + 1) ----

RATES = {"dense": 0.0, "weight 50%": 0.5, "weight 70%": 0.7, "weight 90%": 0.9, "filter 40%": 0.4, "filter 60%": 0.6}
SOONER = Sooner(text="t", rows="weight *", than="dense", metrics=("pgd",), than_metric="natural", points=5)
FURTHER = Further(text="t", rows="weight *", against="filter *", than="dense", metrics=("natural",), points=5)


def along(statement: AnyStatement, **lost: dict[str, int]) -> Verdict:
    """measure -> row -> images lost of the 380 that dense has right."""
    cells = [
        Cell(row, metric, 0, {"measure": "accuracy"}, right(0, 380 - count), Path())
        for metric, by_row in lost.items()
        for row, count in {"dense": 0, **by_row}.items()
    ]
    return judge([statement], cells, (0,), RATES)[0]


def weights(*lost: int) -> dict[str, int]:
    return dict(zip(("weight 50%", "weight 70%", "weight 90%"), lost))


def filters(*lost: int) -> dict[str, int]:
    return dict(zip(("filter 40%", "filter 60%"), lost))


@pytest.mark.parametrize(
    ("pgd", "natural", "holds"),
    [
        (weights(0, 60, 90), weights(0, 0, 0), True),
        (weights(0, 60, 90), weights(0, 0, 90), True),  # natural gives way as well, later
        (weights(0, 60, 90), weights(0, 60, 90), False),  # at the same rate
        (weights(0, 0, 90), weights(0, 60, 90), False),  # later
        (weights(0, 0, 0), weights(0, 0, 0), None),  # neither gives way: pruned too little to tell
        (weights(0, 0, 0), weights(0, 0, 90), False),
        (weights(60, 60, 90), weights(0, 60, 90), True),  # not even the smallest rate: 0
        # 4.5 and 5.5 points at 70 %, intervals about 2 points wide on either side
        (weights(0, 22, 90), weights(0, 18, 90), None),
        (weights(0, 22, 90), weights(0, 0, 0), True),  # whether or not robustness stands at 70 %
    ],
)
def test_one_accuracy_gives_way_sooner_than_another(
    pgd: dict[str, int], natural: dict[str, int], holds: bool | None
) -> None:
    assert along(SOONER, pgd=pgd, natural=natural).holds is holds


@pytest.mark.parametrize(
    ("lost", "holds"),
    [
        (weights(0, 0, 90) | filters(0, 60), True),  # 70 % against 40 %
        (weights(0, 0, 0) | filters(0, 60), True),  # 90 % at least
        (weights(0, 0, 90) | filters(60, 90), True),  # no filters at all
        (weights(60, 60, 90) | filters(0, 60), False),
        (weights(60, 60, 90) | filters(60, 60), False),  # neither can be pruned
        (weights(0, 0, 90) | filters(0, 0), None),  # filters are not pruned until they give way
        (weights(18, 60, 90) | filters(0, 60), None),  # 4.5 points at 50 %: perhaps nothing is within 5
    ],
)
def test_one_sweep_goes_further_than_another(lost: dict[str, int], holds: bool | None) -> None:
    assert along(FURTHER, natural=lost).holds is holds


def test_evidence_about_a_sweep_names_both_rates_and_how_sure_they_are() -> None:
    assert along(SOONER, pgd=weights(0, 22, 90), natural=weights(0, 0, 0)).evidence == (
        "weight *: within 5 points up to 50 % [50, 70] under pgd, up to 90 % or more under natural"
    )
    assert along(FURTHER, natural=weights(0, 0, 90) | filters(60, 60)).evidence == (
        "natural: within 5 points up to 70 % for weight *, up to 0 % for filter *"
    )


def test_a_loss_of_exactly_the_points_is_within_them() -> None:
    """20 of 400 images are 5 points: as seen it stands at 70 %, though not surely."""
    assert "up to 70 % [50, 70] under pgd" in along(SOONER, pgd=weights(0, 20, 90), natural=weights(0, 0, 0)).evidence


def test_an_unfinished_sweep_leaves_the_statement_open_and_says_what_is_missing() -> None:
    found = along(SOONER, pgd=weights(0), natural=weights(0))
    assert found.holds is None
    assert found.evidence == (
        "not measured yet: weight 70%, pgd; weight 70%, natural; weight 90%, pgd; weight 90%, natural"
    )
    assert along(FURTHER, natural={}).evidence.endswith("filter 40%, natural and 1 more")


SWEPT = {"text": "t", "from": "weight *", "than": "dense", "metrics": ["pgd"], "points": 1}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ({"kind": "sooner", **SWEPT, "than_metric": "natural", "from": "filter *"}, r"'t': no row fits 'filter \*'"),
        ({"kind": "sooner", **SWEPT, "than_metric": "natral"}, "'t' names the accuracy 'natral'; did you mean"),
        ({"kind": "further", **SWEPT, "against": "filter *"}, r"'t': no row fits 'filter \*'"),
        ({"kind": "further", **SWEPT}, r"statements\.1\.against: is missing"),
        ({"kind": "sooner", **SWEPT, "than_metric": "natural", "against": "x"}, "sooner has no option 'against'"),
    ],
)
def test_a_statement_about_a_sweep_is_checked_when_the_recipe_is_read(
    tmp_path: Path, statement: dict[str, Any], said: str
) -> None:
    recipe = tiny()
    recipe["statements"].append(statement)
    with pytest.raises(RecipeError, match=said):
        read(tmp_path, recipe)
