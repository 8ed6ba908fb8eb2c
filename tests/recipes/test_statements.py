"""Statements on hand-made answers: 400 images, right or wrong, for which the numbers can be worked out by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from blackthorn.recipes.cells import Cell, Verdict
from blackthorn.recipes.statements import AnyStatement, AtLeast, AtMost, Keeps, Lower, judge

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
