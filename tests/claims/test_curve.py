"""Statements about pruning curves, on hand-made records of 400 images: one point is 4 images."""

from typing import Any

import pytest

from blackthorn.claims import Higher, Lower, Rises, Stays, Verdict, judge
from blackthorn.results import Cell, PruningCurveRecord

from .grids import grid, point
from .test_accuracy import right, verdict

N = 400
Curve = dict[float, tuple[int, int]]
"""rate -> images gained and lost against the smallest rate."""


def cells(noises: dict[str | None, Curve], layer: str | None = None, seed: int = 0) -> list[Cell[PruningCurveRecord]]:
    return [
        point(rate, gained, lost, n=N, layer=layer, noise=noise, seed=seed)
        for noise, curve in noises.items()
        for rate, (gained, lost) in curve.items()
    ]


def judged(statement: Any, *held: list[Cell[PruningCurveRecord]], seeds: tuple[int, ...] = (0,)) -> Verdict:
    return judge([statement], grid([cell for some in held for cell in some], seeds))[0]


def stays(upto: float = 0.9, points: float = 2, **more: Any) -> Stays:
    return Stays(text="t", rows=("dense",), metrics=("curve",), upto=upto, points=points, **more)


def rises(**more: Any) -> Rises:
    return Rises(**{"text": "t", "rows": ("dense",), "metrics": ("curve",), "points": 2, **more})


@pytest.mark.parametrize(
    ("curve", "holds"),
    [
        ({0.0: (0, 0), 0.5: (0, 0), 0.9: (0, 0), 0.95: (0, 90)}, True),
        ({0.0: (0, 0), 0.5: (0, 0), 0.9: (0, 2)}, True),  # half a point, at most 1.7
        ({0.0: (0, 0), 0.5: (0, 0), 0.9: (0, 6)}, None),  # 1.5 points, perhaps 2.9
        ({0.0: (0, 0), 0.5: (0, 0), 0.9: (0, 12)}, None),  # 3 points, perhaps 1.3
        ({0.0: (0, 0), 0.5: (0, 0), 0.9: (0, 24)}, False),  # 6 points
        ({0.0: (0, 0), 0.5: (0, 24), 0.9: (0, 0)}, False),  # it came back, but did not stay
        ({0.0: (0, 0), 0.5: (20, 22), 0.9: (0, 0)}, None),  # many changed: less certain than the difference
        ({0.0: (0, 0), 0.5: (0, 0)}, None),  # not measured up to there
    ],
)
def test_an_accuracy_stays_along_a_curve(curve: Curve, holds: bool | None) -> None:
    assert judged(stays(), cells({None: curve})).holds is holds


def test_evidence_is_the_rate_with_the_lowest_interval() -> None:
    said = judged(stays(), cells({None: {0.0: (0, 0), 0.5: (0, 2), 0.9: (0, 1)}})).evidence
    assert said.startswith("dense, curve: lowest at 50 %, -0.50 points [")


def test_only_the_layers_that_are_named_have_to_stay() -> None:
    good, bad = {None: {0.0: (0, 0), 0.9: (0, 0)}}, {None: {0.0: (0, 0), 0.9: (0, 100)}}
    both = (cells(bad, "fc1"), cells(good, "fc2"))
    assert judged(stays(layers=("fc2",)), *both).holds is True
    assert judged(stays(), *both).holds is False


NATURAL: Curve = {0.0: (0, 0), 0.5: (0, 0), 0.9: (0, 4), 0.95: (0, 100)}  # within 2 points up to 90 %


@pytest.mark.parametrize(
    ("noise", "holds"),
    [
        ({0.0: (0, 0), 0.5: (20, 0), 0.9: (80, 0), 0.95: (0, 0)}, True),
        ({0.0: (0, 0), 0.5: (1, 0), 0.9: (0, 0), 0.95: (0, 0)}, None),  # one image is no rise to speak of
        ({0.0: (0, 0), 0.5: (5, 0), 0.9: (0, 0), 0.95: (0, 0)}, None),  # sure of one rate, not of the best of four
        ({0.0: (0, 0), 0.5: (0, 0), 0.9: (0, 0), 0.95: (200, 0)}, None),  # only after untouched images have fallen
        (
            {0.1: (0, 20), 0.5: (0, 20), 0.9: (0, 80), 0.95: (0, 100)},
            False,
        ),  # at 10 % nothing is known of untouched images
    ],
)
def test_a_curve_rises_under_a_noise_before_it_falls_on_untouched_images(noise: Curve, holds: bool | None) -> None:
    assert judged(rises(), cells({None: NATURAL, "3, 0.25": noise})).holds is holds


def test_a_curve_that_falls_at_every_rate_does_not_rise() -> None:
    noise = {0.0: (0, 0), 0.5: (0, 20), 0.9: (0, 80), 0.95: (0, 100)}
    assert judged(rises(), cells({None: NATURAL, "3, 0.25": noise})).holds is None  # nothing has fallen at 0
    assert judged(rises(by=1), cells({None: NATURAL, "3, 0.25": noise})).holds is False


def test_how_far_and_under_how_many_noises_a_curve_has_to_rise() -> None:
    up, little, down = ({rate: (0 if rate == 0 else by, 0) for rate in NATURAL} for by in (80, 20, 0))
    held = cells({None: NATURAL, "1, 0.1": up, "2, 0.1": little, "3, 0.1": down})
    assert judged(rises(), held).holds is None
    assert [judged(rises(fewest=count), held).holds for count in (1, 2, 3)] == [True, True, None]
    assert [judged(rises(fewest=count, by=10), held).holds for count in (1, 2, 3)] == [True, False, False]
    said = judged(rises(), held).evidence
    assert said.startswith("dense, curve, noise 1, 0.1: +20.00 points [") and "at 50 %, the best of 4 rates" in said


def test_without_noises_there_is_nothing_that_could_rise() -> None:
    assert judged(rises(), cells({None: NATURAL})).holds is None


def test_curves_of_several_seeds_are_decided_when_all_are_there_and_by_their_mean() -> None:
    one, other = ({None: {0.0: (0, 0), 0.9: (0, lost)}} for lost in (0, 12))
    assert judged(stays(), cells(one), seeds=(0, 1)).evidence == "not measured yet: dense, curve"
    both = judged(stays(points=1), cells(one), cells(other, seed=1), seeds=(0, 1))
    assert both.holds is None and "-1.50 points" in both.evidence
    alike = judged(stays(points=1), cells(other), cells(other, seed=1), seeds=(0, 1))
    assert alike.holds is False and "-3.00 points" in alike.evidence


def test_higher_by_points_wants_the_whole_interval_above_them() -> None:
    def judge_by(points: float) -> bool | None:
        statement = Higher(text="t", rows=("a",), than="dense", metrics=("natural",), points=points)
        return verdict(statement, dense=[right(0, 300)], a=[right(0, 340)]).holds

    assert [judge_by(points) for points in (0, 5, 9, 10, 15)] == [True, True, None, None, False]  # 10 points gained


def test_lower_in_some_of_several_comparisons_is_enough_if_the_recipe_says_so() -> None:
    statement = {"text": "t", "rows": ("a", "b"), "than": "dense", "metrics": ("natural",)}
    rows = {"dense": [right(0, 340)], "a": [right(0, 300)], "b": [right(0, 340)]}
    assert [verdict(Lower(**statement, fewest=count), **rows).holds for count in (None, 1, 2)] == [None, True, None]
