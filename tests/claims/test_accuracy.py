"""Statements about accuracies on hand-made answers: 400 images, for which the numbers can be worked out by hand."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from blackthorn.claims import (
    Above,
    AnyStatement,
    AtLeast,
    AtMost,
    Further,
    Higher,
    Keeps,
    Lower,
    NotBelow,
    Sooner,
    Verdict,
    judge,
)
from blackthorn.results import estimate, wilson

from .grids import accuracy, grid

N = 400
COMPARED: dict[str, Any] = {"text": "t", "rows": ("pruned",), "than": "dense", "metrics": ("natural",)}
ALONE: dict[str, Any] = {"text": "t", "rows": ("dense",), "metrics": ("natural",)}


def right(first: int, last: int) -> NDArray[np.bool_]:
    """Images `first` to `last` are classified right."""
    return np.array([first <= image < last for image in range(N)])


def verdict(statement: AnyStatement, seeds: tuple[int, ...] = (0,), **answers: list[NDArray[np.bool_]]) -> Verdict:
    """Judge from the answers of each row, one array for each seed."""
    cells = [accuracy(row, flags, seed=seed) for row, by_seed in answers.items() for seed, flags in zip(seeds, by_seed)]
    return judge([statement], grid(cells, seeds))[0]


@pytest.mark.parametrize(
    ("statement", "dense", "pruned", "holds"),
    [
        # the same answers: the difference is exactly 0
        (Keeps(**COMPARED, points=1), right(0, 380), right(0, 380), True),
        # 8 of 400 lost, none gained: 2 points, interval about [-3.6, -0.4]
        (Keeps(**COMPARED, points=5), right(0, 380), right(0, 372), True),
        (Keeps(**COMPARED, points=3), right(0, 380), right(0, 372), None),
        (Keeps(**COMPARED, points=1), right(0, 380), right(0, 372), None),  # more lost, but not surely
        (Keeps(**COMPARED, points=0.3), right(0, 380), right(0, 372), False),
        # better than before keeps
        (Keeps(**COMPARED, points=0), right(0, 300), right(0, 340), True),
        # 40 lost, none gained: p < 0.001
        (Lower(**COMPARED), right(0, 380), right(0, 340), True),
        # 1 lost: not lower beyond chance
        (Lower(**COMPARED), right(0, 380), right(0, 379), None),
        (Lower(**COMPARED), right(0, 380), right(0, 380), None),
        (Lower(**COMPARED), right(0, 340), right(0, 380), False),
        # the same the other way round
        (Higher(**COMPARED), right(0, 340), right(0, 380), True),
        (Higher(**COMPARED), right(0, 379), right(0, 380), None),
        (Higher(**COMPARED), right(0, 380), right(0, 380), None),
        (Higher(**COMPARED), right(0, 380), right(0, 379), None),  # a sign alone says nothing
        (Higher(**COMPARED), right(0, 380), right(0, 340), False),
        # 10 of 400: 2.5 %, Wilson interval [1.4, 4.5]
        (AtMost(**ALONE, percent=5), right(0, 10), right(0, 0), True),
        (AtMost(**ALONE, percent=3), right(0, 10), right(0, 0), None),
        (AtMost(**ALONE, percent=2), right(0, 10), right(0, 0), None),
        (AtMost(**ALONE, percent=1), right(0, 10), right(0, 0), False),
        (AtMost(**ALONE, percent=0), right(0, 0), right(0, 0), None),
        # 390 of 400: 97.5 %, Wilson interval [95.5, 98.6]
        (AtLeast(**ALONE, percent=95), right(0, 390), right(0, 0), True),
        (AtLeast(**ALONE, percent=97), right(0, 390), right(0, 0), None),
        (AtLeast(**ALONE, percent=98), right(0, 390), right(0, 0), None),
        (AtLeast(**ALONE, percent=99), right(0, 390), right(0, 0), False),
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
    assert verdict(both, dense=[dense], a=[hardly], b=[dense]).holds is None
    assert verdict(both, dense=[dense], a=[clearly], b=[right(0, 400)]).holds is False


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
    cells = [accuracy("dense", black_box[first:], "black-box", first=first), accuracy("dense", fgsm, "fgsm")]
    return judge([statement], grid(cells))[0]


@pytest.mark.parametrize(
    ("black_box", "fgsm", "points", "holds"),
    [
        (right(0, 300), right(0, 200), 0, True),
        (right(0, 300), right(0, 300), 1, True),
        (right(0, 300), right(0, 300), 0, None),  # the interval reaches below, the difference does not
        (right(0, 299), right(0, 300), 0, None),
        (right(0, 280), right(0, 300), 0, False),
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


def test_a_measure_that_does_not_say_which_images_it_took_is_no_match_for_one_of_all() -> None:
    cells = [
        accuracy("dense", right(150, 400)[150:350], "black-box", first=150),
        accuracy("dense", right(0, 400), "fgsm"),
    ]
    found = judge([BLACK_BOX], grid(cells))[0]
    assert (found.holds, found.evidence) == (None, "dense, black-box: no image in common")


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
    cells = [accuracy("dense", right(0, N - count), metric) for metric, count in wrong.items()]
    return judge([statement], grid(cells))[0]


@pytest.mark.parametrize(
    ("wrong", "points", "fewest", "holds"),
    [
        # k images more are k / 4 points, with an interval of about +- 1.96 sqrt(k + 1) / 4
        ({"a": 0, "b": 0, "c": 80, "d": 80}, 10, None, True),
        ({"a": 0, "b": 0, "c": 80, "d": 42}, 10, None, None),  # 10.5 points, not surely more than 10
        ({"a": 0, "b": 0, "c": 80, "d": 40}, 10, None, None),  # exactly 10 are not more, and not surely less
        ({"a": 0, "b": 0, "c": 80, "d": 20}, 10, None, False),
        ({"a": 0, "b": 80, "c": 80, "d": 0}, 0, None, False),  # partners in order: a with c, b with d
        ({"a": 0, "b": 80, "c": 80, "d": 0}, 0, 1, True),
        ({"a": 0, "b": 0, "c": 42, "d": 0}, 10, 1, None),
        ({"a": 0, "b": 0, "c": 20, "d": 0}, 10, 1, False),
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

    assert (judged(None), judged(1), judged(2)) == (None, True, None)  # no difference is not surely one
    with pytest.raises(ValueError, match="fewest: there are 2 comparisons, got 3"):
        judged(3)


# ---- several seeds ----

UP_AND_DOWN = {"dense": [right(0, 300), right(0, 300)], "pruned": [right(0, 200), right(0, 280)]}
"""25 and 5 points lost: 15 on average, and Student's t over two seeds makes it +- 127."""


@pytest.mark.parametrize("statement", [Lower(**COMPARED), Keeps(**COMPARED, points=20)], ids=repr)
def test_seeds_that_disagree_leave_a_statement_open_however_many_images_there_are(statement: AnyStatement) -> None:
    found = verdict(statement, seeds=(0, 1), **UP_AND_DOWN)
    assert found.holds is None
    assert found.evidence.startswith("pruned, natural: -15.00 points [-100.00, +100.00]")


def test_seeds_that_agree_tell_what_one_tells() -> None:
    both = {row: [flags[0]] * 2 for row, flags in UP_AND_DOWN.items()}
    one = {row: flags[:1] for row, flags in UP_AND_DOWN.items()}
    keeps = Keeps(**COMPARED, points=20)
    assert verdict(keeps, seeds=(0, 1), **both) == verdict(keeps, **one)
    assert verdict(Lower(**COMPARED), seeds=(0, 1), **both).holds is True


def test_a_difference_is_told_by_its_interval_and_a_p_value_that_agrees_with_it() -> None:
    one = verdict(Lower(**COMPARED), dense=[right(0, 300)], pruned=[right(0, 200)])
    assert one.evidence == "pruned, natural: -25.00 points [-29.13, -20.62], p < 0.001"
    several = verdict(Lower(**COMPARED), seeds=(0, 1), **UP_AND_DOWN)
    assert several.evidence == "pruned, natural: -15.00 points [-100.00, +100.00], p = 0.375"


def test_a_sign_that_contradicts_is_no_evidence_either() -> None:
    assert verdict(Higher(**COMPARED), seeds=(0, 1), **UP_AND_DOWN).holds is None


def test_an_accuracy_has_the_interval_that_the_results_file_gives_it() -> None:
    """72.5 % from 75 and 70 %: t over two seeds, 12.71 times 2.5 points, reaches past 80 where images alone do not."""
    cells = [accuracy("dense", right(0, count), seed=seed) for seed, count in enumerate((300, 280))]
    (said,), held = judge([AtMost(**ALONE, percent=80)], grid(cells, (0, 1))), estimate(cells)
    assert held is not None and wilson(290, 400)[1] < 0.8 < held.high
    assert said.holds is None
    assert said.evidence == f"dense, natural: 72.50 % [{100 * held.low:.2f}, {100 * held.high:.2f}]"
