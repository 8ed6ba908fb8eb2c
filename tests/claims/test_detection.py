"""Statements about detectors, each decided by hand."""

from pathlib import Path
from typing import Any

import pytest

from blackthorn.claims import AnyStatement, Detects, DetectsBetter, Verdict, judge
from blackthorn.errors import RecipeError
from blackthorn.results import Cell, DetectionRecord
from blackthorn.values import ValidationError

from ..recipes.tiny import read, tiny
from .grids import detector, grid


def decided(statement: AnyStatement, *cells: Cell[DetectionRecord], seeds: tuple[int, ...] = (0,)) -> Verdict:
    (verdict,) = judge([statement], grid(cells, seeds))
    return verdict


def detects(**options: Any) -> Detects:
    return Detects(text="It tells them apart", **{"rows": ("dense",), "metrics": ("pgd",), **options})


@pytest.mark.parametrize(
    ("area", "holds"), [(0.95, True), (0.91, None), (0.85, False)], ids=["above", "interval across", "below"]
)
def test_an_area_is_at_least_so_much_when_its_whole_interval_is(area: float, holds: bool | None) -> None:
    verdict = decided(detects(at_least=0.9), detector("dense", area))
    assert verdict.holds is holds
    assert verdict.evidence == f"dense, pgd: AUROC {area:.3f} [{area - 0.02:.3f}, {area + 0.02:.3f}]"


def test_what_slips_through_is_another_number_and_may_be_at_most_so_much() -> None:
    assert decided(detects(number="undetected", at_least="50%"), detector("dense", 0.9)).holds is True
    assert decided(detects(number="undetected", at_most="50%"), detector("dense", 0.9)).holds is False
    assert decided(detects(number="undetected", at_most=0.62), detector("dense", 0.9)).holds is None


def test_every_noise_counts_and_fewest_asks_for_some_of_them() -> None:
    cells = [detector("dense", area, noise=f"{place}, 0.2") for place, area in enumerate((0.99, 0.97, 0.6))]
    assert decided(detects(at_least=0.9), *cells).holds is False
    found = decided(detects(at_least=0.9, fewest=2), *cells)
    assert found.holds is True and found.evidence.startswith("2 of 3, at least 2 wanted: dense, pgd, 0, 0.2: AUROC")


def test_without_a_misclassified_image_their_area_is_undecided() -> None:
    assert decided(detects(number="auroc_fooled", at_least=0.5), detector("dense", 0.9)).holds is None
    known = {"fooled": 9, "auroc_fooled": 0.4, "auroc_fooled_low": 0.3, "auroc_fooled_high": 0.45}
    assert decided(detects(number="auroc_fooled", at_most=0.5), detector("dense", 0.9, **known)).holds is True


def test_seeds_are_averaged_with_the_error_of_seeds_and_all_of_them_wanted() -> None:
    alike = [detector("dense", 0.95), detector("dense", 0.95, seed=1)]
    assert decided(detects(at_least=0.9), *alike, seeds=(0, 1)).holds is True  # 0.95 [0.93, 0.97], as of one
    apart = decided(detects(at_least=0.9), alike[0], detector("dense", 0.9, seed=1), seeds=(0, 1))
    assert apart.holds is None  # Student's t over two seeds: 12.7 times 0.025
    assert apart.evidence == "dense, pgd: AUROC 0.925 [0.607, 1.000]"
    absent = decided(detects(at_least=0.9), alike[0], seeds=(0, 1))
    assert absent.holds is None and absent.evidence == "not measured yet: dense, pgd"


@pytest.mark.parametrize(("other", "holds"), [(0.85, True), (0.88, None), (0.9, None), (0.95, False)])
def test_one_detects_better_when_the_interval_of_the_difference_is_above_0(other: float, holds: bool | None) -> None:
    """Half widths of 0.02 each make 0.028 for the difference."""
    statement = DetectsBetter(text="Better", rows=("dense",), than="twin", metrics=("pgd",))
    assert decided(statement, detector("dense", 0.9), detector("twin", other)).holds is holds


def test_what_makes_no_sense_is_refused() -> None:
    for bounds in ({}, {"at_least": 0.5, "at_most": 0.9}):
        with pytest.raises(ValidationError, match="one of them"):
            detects(**bounds)
    with pytest.raises(ValidationError, match="compared with itself"):
        DetectsBetter(text="Better", rows=("dense",), than="dense", metrics=("pgd",))


def test_a_recipe_names_measures_that_are_detectors(tmp_path: Path) -> None:
    measures = {**tiny()["measures"], "seen": {"kind": "detection", "attack": {"kind": "pgd", "eps": 0.1}}}
    statement = {"kind": "detects", "text": "Seen", "rows": ["dense"], "metrics": ["seen"], "at_least": 0.5}
    assert read(tmp_path, {**tiny(), "measures": measures, "statements": [statement]}).statements
    with pytest.raises(RecipeError, match="names the detection 'pgd'"):
        read(tmp_path, {**tiny(), "measures": measures, "statements": [{**statement, "metrics": ["pgd"]}]})
