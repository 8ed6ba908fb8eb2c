"""Rows know from the recipe where they come from: no name is read to find out."""

from pathlib import Path
from typing import Any

import pytest

from blackthorn.recipes import read_recipe
from blackthorn.recipes.reading import published
from blackthorn.results import Row

from .tiny import read, tiny

TRAIN = tiny()["networks"]["dense"]["steps"][0]


def prune(sparsity: str, **more: Any) -> dict[str, Any]:
    return {"kind": "prune", "criterion": {"kind": "magnitude"}, "sparsity": sparsity, **more}


def rows(folder: Path, **networks: Any) -> list[Row]:
    recipe = {**tiny(), "networks": {name.replace("_", " "): network for name, network in networks.items()}}
    return read(folder, {**recipe, "statements": [], "published": None}).lineage


def test_a_row_is_compared_with_the_network_it_was_pruned_from_whatever_it_is_called(tmp_path: Path) -> None:
    found = rows(
        tmp_path,
        small={"steps": [TRAIN]},
        big={"steps": [TRAIN, TRAIN]},
        small_from_big={"of": "big", "steps": [prune("90%"), TRAIN]},
    )
    assert found == [
        Row("small", None, 0.0, "small"),
        Row("big", None, 0.0, "big"),
        Row("small from big", "big", 0.9, "small from big"),
    ]


def test_the_base_is_the_nearest_unpruned_network_that_is_shown(tmp_path: Path) -> None:
    found = rows(
        tmp_path,
        first={"steps": [TRAIN]},
        hidden={"of": "first", "steps": [TRAIN], "show": False},
        half={"of": "hidden", "steps": [prune("50%")]},
        tuned={"of": "half", "steps": [TRAIN]},
        alone={"steps": [TRAIN, prune("50%")]},
    )
    assert [(row.name, row.base, row.requested) for row in found] == [
        ("first", None, 0.0),
        ("half", "first", 0.5),
        ("tuned", "first", 0.5),
        ("alone", None, 0.5),
    ]


def test_rows_that_differ_in_the_rate_alone_are_a_family(tmp_path: Path) -> None:
    one, other = {"of": "dense"}, {"scope": "per_layer"}
    found = rows(
        tmp_path,
        dense={"steps": [TRAIN]},
        **{
            "weight 50%": {**one, "steps": [prune("50%"), TRAIN]},
            "weight 97.5%": {**one, "steps": [prune("97.5%"), TRAIN]},
            "weight 60%": {**one, "steps": [prune("60%", **other), TRAIN]},
            "weight": {**one, "steps": [prune("60%")]},
        },
    )
    assert [row.family for row in found] == ["dense", "weight", "weight", "weight 60%", "weight (2)"]


@pytest.mark.parametrize("name", published())
def test_the_families_of_published_recipes_have_labels_of_their_own(name: str) -> None:
    found = read_recipe(name).lineage
    assert all(row.base is not None for row in found if row.requested)
    by_label: dict[str, set[str | None]] = {}
    for row in found:
        by_label.setdefault(row.family, set()).add(row.base)
    assert all(len(bases) == 1 for bases in by_label.values())
