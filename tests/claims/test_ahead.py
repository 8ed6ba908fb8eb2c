"""Statements about sweeps rate by rate, on 400 images of which a row has so many right."""

from pathlib import Path
from typing import Any

import pytest

from blackthorn.claims import Ahead, Verdict, judge
from blackthorn.errors import RecipeError

from ..recipes.tiny import read, tiny
from .grids import accuracy, grid
from .test_accuracy import right

RATES = {"dense": 0.0, "rfp 20%": 0.2, "rfp 60%": 0.6, "norm 20%": 0.2, "norm 60%": 0.6, "random 60%": 0.6}
BEST = Ahead(text="t", rows="rfp *", against=("norm *", "random *"), metrics=("pgd",))
RIVALS = {"norm 20%": 200, "norm 60%": 150, "random 60%": 100}


def decided(statement: Ahead = BEST, **counts: int) -> Verdict:
    """Each row has the first so many images right; names with _ for spaces and without %."""
    rows = {**RIVALS, **{f"{name.replace('_', ' ')}%": count for name, count in counts.items()}}
    return judge(
        [statement], grid([accuracy(row, right(0, count), "pgd") for row, count in rows.items()], rates=RATES)
    )[0]


@pytest.mark.parametrize(
    ("rfp_20", "rfp_60", "holds"),
    [
        (260, 220, True),
        (260, 120, False),  # worse than norm at 60 %
        (260, 150, None),  # as good as norm at 60 %
        (260, 153, None),  # 3 images more: too few to tell
        (160, 220, False),
    ],
)
def test_it_must_be_above_every_other_at_every_rate(rfp_20: int, rfp_60: int, holds: bool | None) -> None:
    assert decided(rfp_20=rfp_20, rfp_60=rfp_60).holds is holds


def test_rows_are_compared_at_the_same_rate_and_a_rate_that_one_lacks_is_left_out() -> None:
    evidence = decided(rfp_20=260, rfp_60=220).evidence
    pairs = [part.partition(",")[0] for part in evidence.split("; ")]
    assert pairs == ["rfp 20% over norm 20%", "rfp 60% over norm 60%", "rfp 60% over random 60%"]
    assert "rfp 20% over norm 20%, pgd: +15.00 points [" in evidence


def test_so_many_of_the_comparisons_can_be_asked_for() -> None:
    two = Ahead(text="t", rows="rfp *", against=("norm *", "random *"), metrics=("pgd",), fewest=2)
    assert decided(two, rfp_20=260, rfp_60=150).holds is True  # over norm at 20 %, over random at 60 %


def test_an_unfinished_sweep_leaves_it_open() -> None:
    found = decided(rfp_20=260)
    assert found.holds is None and found.evidence == "not measured yet: rfp 60%, pgd"


AHEAD = {"kind": "ahead", "text": "t", "from": "weight *", "metrics": ["pgd"]}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"against": ["filter *"]}, r"'t': no row fits 'filter \*'"),
        ({"against": ["weight *"]}, r"'weight \*' is compared with itself"),
        ({"against": ["dense"]}, "'dense', which is not pruned"),
    ],
)
def test_it_is_checked_when_the_recipe_is_read(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    recipe = tiny()
    recipe["statements"].append({**AHEAD, **options})
    with pytest.raises(RecipeError, match=said):
        read(tmp_path, recipe)
