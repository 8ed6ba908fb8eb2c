"""Pruning curves and statements about them in a recipe: read, planned and run."""

from pathlib import Path
from typing import Any

import pytest

from blackthorn.claims import judge
from blackthorn.errors import RecipeError
from blackthorn.recipes import plan
from blackthorn.running import Folder, collect

from .conftest import run
from .tiny import read, tiny

CURVE = {"kind": "pruning_curve", "criterion": {"kind": "magnitude"}, "last": 0.9, "step": 0.45}
STAYS = {"kind": "stays", "text": "t", "rows": ["dense"], "metrics": ["curve"], "upto": "90%", "points": 100}


def curved(**more: Any) -> dict[str, Any]:
    return {**tiny(), "measures": {"natural": {"kind": "accuracy"}, "curve": CURVE}, "statements": [], **more}


def test_a_statement_about_curves_is_decided_from_a_run(tmp_path: Path) -> None:
    recipe = read(tmp_path, curved(statements=[STAYS]))
    assert run(recipe, tmp_path / "store") == {}
    found, _ = collect(plan(recipe, recipe.data.load()), Folder(tmp_path / "store"))
    (decided,) = judge(recipe.statements, found)
    assert decided.holds is True and decided.evidence.startswith("dense, curve: lowest at")


def test_a_statement_about_curves_names_curves(tmp_path: Path) -> None:
    said = {"kind": "rises", "text": "t", "rows": ["dense"], "metrics": ["natural"], "points": 1}
    with pytest.raises(RecipeError, match="'t' names the pruning curve 'natural'"):
        read(tmp_path, curved(statements=[said]))


def test_a_row_can_leave_measures_out(tmp_path: Path) -> None:
    recipe = curved()
    recipe["networks"]["weight 50%"]["measures"] = ["nat*"]
    made = read(tmp_path, recipe)
    laid = plan(made, made.data.load())
    assert [(place.row, place.metric) for place in laid.places] == [
        ("dense", "natural"),
        ("dense", "curve"),
        ("weight 50%", "natural"),
    ]
    everything = read(tmp_path, curved())
    assert {stage.key for stage in laid.stages} < {
        stage.key for stage in plan(everything, everything.data.load()).stages
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
