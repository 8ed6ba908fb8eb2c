"""Intervals against hand-computed numbers and slow simulation."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blackthorn.results import AccuracyRecord, Cell, DetectionRecord, Half, difference, estimate, evenly, wilson


def cell(value: float, n: int, seed: int = 0, first: int = 0) -> Cell[AccuracyRecord]:
    low, high = wilson(value * n, n)
    return Cell("row", "natural", seed, AccuracyRecord(value=value, n=n, low=low, high=high, first=first), None, Path())


def flagged(flags: list[bool], seed: int = 0, first: int = 0) -> Cell[AccuracyRecord]:
    held = np.array(flags)
    return replace(cell(float(held.mean()), held.size, seed, first), flags=held)


def test_wilson_interval_of_81_in_263_is_the_one_in_newcombe_1998() -> None:
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)  # Newcombe 1998, table 1


def test_wilson_interval_of_none_starts_at_zero_and_does_not_end_there() -> None:
    low, high = wilson(0, 20)
    assert low == 0
    assert high == pytest.approx(0.1611, abs=5e-5)  # Newcombe 1998, table 1, 0 of 20


def test_one_seed_keeps_the_interval_of_its_record() -> None:
    record = cell(0.7, 100).record
    found = estimate([cell(0.7, 100)])
    assert found is not None
    assert (found.value, found.low, found.high, found.seeds, found.n) == (0.7, record.low, record.high, (0,), 100)


def test_seeds_that_agree_leave_the_interval_of_one_test_set() -> None:
    found = estimate([cell(0.7, 100, seed) for seed in range(3)])
    assert found is not None
    assert (found.low, found.high) == pytest.approx(wilson(70, 100))


def test_seed_error_and_image_error_add_in_quadrature() -> None:
    found = estimate([cell(value, 10**9, seed) for seed, value in enumerate((0.5, 0.6, 0.7))])
    assert found is not None
    assert found.high - found.value == pytest.approx(4.302653 * 0.1 / 3**0.5, rel=1e-4)  # t(0.975, 2) = 4.302653


def test_an_interval_never_leaves_zero_to_one() -> None:
    found = estimate([cell(0.0, 50, 0), cell(0.02, 50, 1)])
    assert found is not None
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_paired_difference_sees_what_two_intervals_cannot() -> None:
    before = [True] * 500 + [False] * 500
    after = [True] * 480 + [False] * 520
    paired = difference([flagged(after)], [flagged(before)])
    apart = difference([cell(0.48, 1000)], [cell(0.5, 1000)])
    assert paired is not None and apart is not None
    assert (paired.value, apart.value) == pytest.approx((-0.02, -0.02))
    assert paired.tells and not apart.tells
    variance = (20 + 1) / 1002 - (20 / 1002) ** 2
    assert paired.high + 20 / 1002 == pytest.approx(1.959964 * (variance / 1002) ** 0.5)
    assert (paired.paired, paired.only_a, paired.only_b) == (True, 0, 20)
    assert (apart.paired, apart.only_a) == (False, None)
    assert apart.p_value == pytest.approx(0.371, abs=2e-3)  # about 0.02 / sqrt(2 * 0.25 / 1000), two-sided


def test_difference_uses_only_the_seeds_both_have() -> None:
    found = difference([cell(0.5, 100, 0), cell(0.9, 100, 1)], [cell(0.4, 100, 0)])
    assert found is not None
    assert found.value == pytest.approx(0.1)
    assert difference([cell(0.5, 100, 0)], [cell(0.5, 100, 1)]) is None


def test_paired_interval_covers_the_truth_about_95_times_in_100() -> None:
    rng, covered = np.random.default_rng(0), 0
    for _ in range(1000):
        fate = rng.choice(4, size=300, p=(0.6, 0.1, 0.05, 0.25))  # both right, only before, only after, neither
        found = difference([flagged(list((fate == 0) | (fate == 2)))], [flagged(list((fate == 0) | (fate == 1)))])
        assert found is not None
        covered += found.low <= -0.05 <= found.high
    assert 930 <= covered <= 975


def test_images_that_one_leaves_out_are_left_out_of_both() -> None:
    whole, rest = [False] * 150 + [True] * 250, [True] * 250
    found = difference([flagged(rest, first=150)], [flagged(whole)])
    assert found is not None and found.paired
    assert (found.difference, found.n) == (0, 250)


def taken(flags: list[bool], first: int = 0, n: int | None = None, part: Half = "all") -> Cell[AccuracyRecord]:
    """What a measure that takes `n` of the images in `part` keeps of flags of the whole test set."""
    index = first + evenly(len(flags) - first, n, part)
    made = flagged(list(np.array(flags)[index]), first=first)
    return replace(made, record=replace(made.record, of=len(flags), part=part))


@pytest.mark.parametrize("first", [0, 7])
@pytest.mark.parametrize("n", [None, 30, 50])
@pytest.mark.parametrize("part", ["all", "even", "odd"])
def test_measures_of_other_images_are_compared_on_those_that_both_have(first: int, n: int | None, part: Half) -> None:
    rng = np.random.default_rng(0)
    a, b = (list(rng.random(101) < share) for share in (0.7, 0.5))
    found = difference([taken(a, first, n, part)], [taken(b)])
    index = (first + evenly(101 - first, n, part)).tolist()
    assert found is not None and found.paired and found.n == len(index)
    assert found.difference == pytest.approx(sum(int(a[i]) - int(b[i]) for i in index) / len(index))


def test_two_halves_of_the_same_size_share_no_image_and_are_no_pair() -> None:
    found = difference([taken([True, False] * 50, part="even")], [taken([True, False] * 50, part="odd")])
    assert found is not None and not found.paired and found.difference == 1


def test_what_an_older_version_spread_over_the_images_is_compared_by_the_intervals_alone() -> None:
    found = difference([flagged([True] * 100)], [flagged([True] * 300 + [False] * 100)])
    assert found is not None and not found.paired and found.difference == 0.25


def test_a_number_that_a_record_lacks_for_a_seed_is_not_known() -> None:
    plain = DetectionRecord(
        attack={"kind": "pgd"}, outputs="raw", value=0.9, low=0.8, high=0.95, n=50, tpr_1=0, tpr_5=0, threshold_5=0.1,
        accuracy=1, accuracy_attacked=0, undetected=0.5, undetected_low=0.366, undetected_high=0.634,
    )  # fmt: skip
    fooled = replace(plain, fooled=9, auroc_fooled=0.7, auroc_fooled_low=0.6, auroc_fooled_high=0.8)
    cells = [Cell("row", "seen", seed, record, None, Path()) for seed, record in enumerate((fooled, plain))]
    known = estimate(cells[:1], lambda record: record.reading_fooled)
    assert known is not None and (known.value, known.n) == (0.7, 9)
    assert estimate(cells, lambda record: record.reading_fooled) is None
    undetected = estimate(cells[:1], lambda record: record.reading_undetected)
    assert undetected is not None and (undetected.low, undetected.high) == pytest.approx((0.366, 0.634), abs=1e-3)
