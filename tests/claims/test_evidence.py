"""Yes and no need evidence, and agree with the intervals that are printed."""

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from blackthorn.claims import AnyStatement, AtLeast, AtMost, Higher, Keeps, Lower, Verdict, judge
from blackthorn.claims.finding import Finding, together

from .grids import accuracy, grid

N = 60


def tables(seeds: int, rows: int, generator: np.random.Generator) -> dict[str, NDArray[np.bool_]]:
    """Rows of (seeds, images): every row near the first, which anything between 0 and 100 % is."""
    level = generator.random()
    luck = generator.random(N)
    found = {}
    for row in range(rows + 1):
        moved = generator.normal(0, 0.15) * (row > 0) + generator.normal(0, 0.05, (seeds, 1))
        found[f"row {row}" if row else "dense"] = np.broadcast_to(luck, (seeds, N)) < level + moved
    return found


def judged(statement: AnyStatement, held: dict[str, NDArray[np.bool_]]) -> Verdict:
    seeds = tuple(range(len(held["dense"])))
    cells = [accuracy(row, flags[seed], seed=seed) for row, flags in held.items() for seed in seeds]
    return judge([statement], grid(cells, seeds))[0]


@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
@pytest.mark.parametrize("rows", [1, 3])
def test_a_verdict_never_contradicts_an_interval_that_is_printed_beside_it(seeds: int, rows: int) -> None:
    """Yes to a statement about several places: every interval is on its side. No: one is wholly on the other."""
    generator, told = np.random.default_rng(seeds), 0
    for _ in range(40):
        held = tables(seeds, rows, generator)
        names, bound = tuple(row for row in held if row != "dense"), float(generator.integers(0, 101))
        alone: dict[str, Any] = {"text": "t", "rows": names, "metrics": ("natural",)}
        against: dict[str, Any] = {**alone, "than": "dense"}
        points = float(generator.integers(0, 20))
        for statement, edge, side in (
            (AtMost(**alone, percent=bound), bound, -1),
            (AtLeast(**alone, percent=bound), bound, 1),
            (Keeps(**against, points=points), -points, 1),
            (Higher(**against, points=points), points, 1),
            (Lower(**against), 0.0, -1),
        ):
            found = judged(statement, held)
            ends = [tuple(map(float, pair)) for pair in re.findall(r"\[([-+\d.]+), ([-+\d.]+)\]", found.evidence)]
            assert len(ends) == rows
            slack = 0.0051  # what is printed is rounded
            yes = [low >= edge - slack if side > 0 else high <= edge + slack for low, high in ends]
            no = [high <= edge + slack if side > 0 else low >= edge - slack for low, high in ends]
            assert found.holds is not True or all(yes), (statement, found)
            assert found.holds is not False or any(no), (statement, found)
            told += found.holds is not None
    assert told > 20  # it is not that nothing is ever said


def of(yes: float, no: float = 1.0) -> Finding:
    return Finding(yes, no, "said")


def test_all_of_several_need_no_correction_and_one_of_several_needs_that_of_holm() -> None:
    assert together([of(0.02), of(0.02), of(0.02)]).yes == 0.02
    assert together([of(0.02), of(0.9), of(0.9)], fewest=1).yes == pytest.approx(3 * 0.02)
    assert together([of(0.001), of(0.012), of(0.9)], fewest=2).yes == pytest.approx(2 * 0.012)


def test_one_comparison_that_contradicts_has_to_do_so_for_all_of_them() -> None:
    assert together([of(1, 0.02)]).holds is False
    assert together([of(0.02), of(1, 0.02)]).holds is None
    assert together([of(0.02), of(1, 0.012)]).holds is False
    assert together([of(1, 0.01), of(1, 0.02), of(0.9)], fewest=2).no == pytest.approx(2 * 0.02)


def test_a_claim_about_few_of_many_fails_only_where_all_of_the_others_do() -> None:
    assert together([of(1, 0.02), of(1, 0.02), of(1, 0.03)], fewest=1).holds is None
    assert together([of(1, 0.02), of(1, 0.02), of(1, 0.02)], fewest=1).holds is False


def test_nothing_is_both_yes_and_no() -> None:
    for share in (0.0, 0.5, 1.0):
        flags = np.arange(N) < share * N
        for percent in (0, 50, 100):
            held = {"dense": flags[None], "row 1": flags[None]}
            most, least = (
                judged(kind(text="t", rows=("row 1",), metrics=("natural",), percent=percent), held)
                for kind in (AtMost, AtLeast)
            )
            assert not (most.holds is False and least.holds is False)
            if 100 * share == percent:
                assert most.holds is not False and least.holds is not False
