"""Statements about pruning curves, on hand-made records of 400 images: one point is 4 images."""

from pathlib import Path
from typing import Any

import pytest
from blackthorn.running.running import load_splits

from blackthorn.claims.curve_statements import Rises, Stays
from blackthorn.claims.statements import Higher, Lower, judge
from blackthorn.errors import RecipeError
from blackthorn.recipes import plan
from blackthorn.results.cells import Cell, Verdict

from .conftest import run
from .test_statements import right, verdict
from .tiny import read, tiny

N = 400
Curve = dict[float, tuple[int, int]]
"""rate -> images gained and lost against the smallest rate."""


def cells(noises: dict[str | None, Curve], layer: str | None = None, seed: int = 0) -> list[Cell]:
    return [
        Cell(
            "dense",
            "curve",
            seed,
            {
                "measure": "pruning_curve",
                "layer": layer,
                "noise": noise,
                "rate": rate,
                "gained": gained,
                "lost": lost,
                "n": N,
            },
            None,
            Path(),
        )
        for noise, curve in noises.items()
        for rate, (gained, lost) in curve.items()
    ]


def judged(statement: Any, *held: list[Cell], seeds: tuple[int, ...] = (0,)) -> Verdict:
    return judge([statement], [cell for some in held for cell in some], seeds)[0]


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
        ({0.0: (0, 0), 0.5: (0, 0), 0.9: (0, 12)}, False),  # 3 points
        ({0.0: (0, 0), 0.5: (0, 12), 0.9: (0, 0)}, False),  # it came back, but did not stay
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
        ({0.0: (0, 0), 0.5: (0, 0), 0.9: (0, 0), 0.95: (200, 0)}, False),  # only after untouched images have fallen
        ({0.0: (0, 0), 0.5: (0, 20), 0.9: (0, 80), 0.95: (0, 100)}, False),
    ],
)
def test_a_curve_rises_under_a_noise_before_it_falls_on_untouched_images(noise: Curve, holds: bool | None) -> None:
    assert judged(rises(), cells({None: NATURAL, "3, 0.25": noise})).holds is holds


def test_how_far_and_under_how_many_noises_a_curve_has_to_rise() -> None:
    up, little, down = ({rate: (0 if rate == 0 else by, 0) for rate in NATURAL} for by in (80, 20, 0))
    held = cells({None: NATURAL, "1, 0.1": up, "2, 0.1": little, "3, 0.1": down})
    assert judged(rises(), held).holds is False
    assert [judged(rises(fewest=count), held).holds for count in (1, 2, 3)] == [True, True, False]
    assert [judged(rises(fewest=count, by=10), held).holds for count in (1, 2, 3)] == [True, False, False]
    assert "dense, curve, noise 1, 0.1: +20.00 points" in judged(rises(), held).evidence


def test_without_noises_there_is_nothing_that_could_rise() -> None:
    assert judged(rises(), cells({None: NATURAL})).holds is None


def test_curves_of_several_seeds_are_decided_when_all_are_there_and_by_their_mean() -> None:
    one, other = ({None: {0.0: (0, 0), 0.9: (0, lost)}} for lost in (0, 12))
    assert judged(stays(), cells(one), seeds=(0, 1)).evidence == "not measured yet: dense, curve"
    both = judged(stays(points=1), cells(one), cells(other, seed=1), seeds=(0, 1))
    assert both.holds is False and "-1.50 points" in both.evidence


def test_higher_by_points_wants_the_whole_interval_above_them() -> None:
    def judge_by(points: float) -> bool | None:
        statement = Higher(text="t", rows=("a",), than="dense", metrics=("natural",), points=points)
        return verdict(statement, dense=[right(0, 300)], a=[right(0, 340)]).holds

    assert [judge_by(points) for points in (0, 5, 9, 10)] == [True, True, None, False]  # 10 points gained


def test_lower_in_some_of_several_comparisons_is_enough_if_the_recipe_says_so() -> None:
    statement = {"text": "t", "rows": ("a", "b"), "than": "dense", "metrics": ("natural",)}
    rows = {"dense": [right(0, 340)], "a": [right(0, 300)], "b": [right(0, 340)]}
    assert [verdict(Lower(**statement, fewest=count), **rows).holds for count in (None, 1, 2)] == [False, True, False]


# ---- in recipes ----

CURVE = {"kind": "pruning_curve", "criterion": {"kind": "magnitude"}, "last": 0.9, "step": 0.45}
STAYS = {"kind": "stays", "text": "t", "rows": ["dense"], "metrics": ["curve"], "upto": "90%", "points": 100}


def curved(**more: Any) -> dict[str, Any]:
    return {**tiny(), "measures": {"natural": {"kind": "accuracy"}, "curve": CURVE}, "statements": [], **more}


def test_a_statement_about_curves_is_decided_from_a_run(tmp_path: Path) -> None:
    from blackthorn.recipes import Store, collect

    recipe = read(tmp_path, curved(statements=[STAYS]))
    assert run(recipe, tmp_path / "store") == {}
    found, _ = collect(plan(recipe, load_splits(recipe.data, None)), Store(tmp_path / "store"))
    (decided,) = judge(recipe.statements, found, recipe.seeds, recipe.rates)
    assert decided.holds is True and decided.evidence.startswith("dense, curve: lowest at")


def test_a_statement_about_curves_names_curves(tmp_path: Path) -> None:
    said = {"kind": "rises", "text": "t", "rows": ["dense"], "metrics": ["natural"], "points": 1}
    with pytest.raises(RecipeError, match="'t' names the pruning curve 'natural'"):
        read(tmp_path, curved(statements=[said]))


def test_a_row_can_leave_measures_out(tmp_path: Path) -> None:
    recipe = curved()
    recipe["networks"]["weight 50%"]["measures"] = ["nat*"]
    made = read(tmp_path, recipe)
    laid = plan(made, load_splits(made.data, None))
    assert [(place.row, place.metric) for place in laid.places] == [
        ("dense", "natural"),
        ("dense", "curve"),
        ("weight 50%", "natural"),
    ]
    everything = read(tmp_path, curved())
    assert {stage.key for stage in laid.stages} < {
        stage.key for stage in plan(everything, load_splits(everything.data, None)).stages
    }


@pytest.mark.parametrize(
    ("measures", "changes", "says"),
    [
        (["natrual"], {}, r"networks\.weight 50%\.measures: no measure fits 'natrual'; did you mean 'natural'"),
        (
            ["natural"],
            {"statements": [{**STAYS, "rows": ["weight 50%"]}]},
            r"'t' names 'curve' of 'weight 50%', which networks\.weight 50%\.measures leaves out",
        ),
        (
            ["curve"],
            {"select": {"s": {"rule": {"kind": "no_loss"}, "from": "weight *", "than": "dense"}}},
            r"select\.s names 'natural' of 'weight 50%', which networks\.weight 50%\.measures leaves out",
        ),
    ],
)
def test_what_a_row_leaves_out_must_exist_and_not_be_spoken_of(
    tmp_path: Path, measures: list[str], changes: dict[str, Any], says: str
) -> None:
    recipe = curved(**changes)
    recipe["networks"]["weight 50%"]["measures"] = measures
    with pytest.raises(RecipeError, match=says):
        read(tmp_path, recipe)
