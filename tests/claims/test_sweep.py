"""Statements about sweeps of 400 images: 1 point is 4 images, and k lost images have an interval of about
+- 1.96 sqrt(k + 1).
"""

from pathlib import Path
from typing import Any

import pytest

from blackthorn.claims import AnyStatement, Further, Sooner, Verdict, judge
from blackthorn.errors import RecipeError

from ..recipes.tiny import read, tiny
from .grids import accuracy, grid
from .test_accuracy import right

RATES = {"dense": 0.0, "weight 50%": 0.5, "weight 70%": 0.7, "weight 90%": 0.9, "filter 40%": 0.4, "filter 60%": 0.6}
SOONER = Sooner(text="t", rows="weight *", than="dense", metrics=("pgd",), than_metric="natural", points=5)
FURTHER = Further(text="t", rows="weight *", against="filter *", than="dense", metrics=("natural",), points=5)


def along(statement: AnyStatement, **lost: dict[str, int]) -> Verdict:
    """measure -> row -> images lost of the 380 that dense has right."""
    cells = [
        accuracy(row, right(0, 380 - count), metric)
        for metric, by_row in lost.items()
        for row, count in {"dense": 0, **by_row}.items()
    ]
    return judge([statement], grid(cells, rates=RATES))[0]


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
