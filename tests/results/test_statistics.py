import math

import numpy as np
import pytest
import torch
from scipy import stats

from blackthorn.errors import BlackthornError
from blackthorn.results import Reading, compare, mean_interval, over_seeds, wilson


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 50), (45, 100), (4540, 10_000), (10_000, 10_000)])
def test_wilson_equals_scipy(k, n, level):
    theirs = stats.binomtest(k, n).proportion_ci(confidence_level=level, method="wilson")
    assert wilson(k, n, level) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_at_45_percent_of_10000_is_about_one_point_wide_each_way():
    low, high = wilson(4500, 10_000)
    assert (high - low) / 2 == pytest.approx(0.0097, abs=5e-5)


def test_wilson_at_no_success_is_z_squared_over_n_plus_z_squared():
    assert wilson(0, 100) == pytest.approx((0.0, 3.841459 / 103.841459), abs=1e-7)


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_counts_that_cannot_be(k, n):
    with pytest.raises(BlackthornError, match="0 <= k <= n"):
        wilson(k, n)


def test_a_level_in_percent_is_refused():
    with pytest.raises(BlackthornError, match=r"such as 0\.95"):
        wilson(1, 2, level=95)


def test_mean_interval_of_1_2_3_by_hand():
    half = 4.302653 / math.sqrt(3)  # t with 2 degrees of freedom times sd 1 over sqrt 3
    assert mean_interval([1, 2, 3]) == pytest.approx((2 - half, 2 + half), abs=1e-6)


def test_mean_interval_equals_scipy():
    values = [0.981, 0.990, 0.987, 0.985]
    theirs = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert mean_interval(values) == pytest.approx(theirs)


def test_mean_interval_wants_two_values():
    with pytest.raises(BlackthornError, match="at least 2"):
        mean_interval([0.9])


def flags(only_a: int, only_b: int, both: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    a = np.array([True] * only_a + [False] * only_b + [True] * both + [False] * neither)
    b = np.array([False] * only_a + [True] * only_b + [True] * both + [False] * neither)
    return a, b


def test_paired_of_8_against_2_by_hand():
    got = compare(*flags(8, 2, 70, 20))
    assert (got.only_a, got.only_b, got.n) == (8, 2, 100)
    assert got.difference == pytest.approx(0.06)
    centre = 6 / 102
    error = math.sqrt((11 / 102 - centre**2) / 102)
    assert got.p_value == pytest.approx(2 * stats.norm.sf(centre / error), rel=1e-6)
    half = 1.959964 * error
    assert (got.low, got.high) == pytest.approx((centre - half, centre + half), abs=1e-6)


@pytest.mark.parametrize(("one", "other"), [(0, 0), (3, 3), (1, 0), (0, 7), (40, 60), (300, 200)])
def test_the_p_value_lies_between_mcnemars_exact_test_and_the_mid_p_version_of_it_or_near(one, other):
    """Of 10,000 images. Fagerland et al. 2013 recommend the mid-p version; the exact one is conservative."""
    exact = stats.binomtest(one, one + other).pvalue if one + other else 1.0
    mid = exact - stats.binom.pmf(min(one, other), one + other, 0.5) if one + other and one != other else exact
    got = compare(*flags(one, other, 5000, 5000 - one - other)).p_value
    assert 0.75 * mid - 0.005 <= got <= max(exact, 1.1 * mid)


def test_swapping_the_networks_turns_the_difference_round():
    a, b = flags(30, 10, 40, 20)
    there, back = compare(a, b), compare(b, a)
    assert back.difference == -there.difference and back.p_value == there.p_value
    assert (back.low, back.high) == pytest.approx((-there.high, -there.low))


def test_flags_may_be_torch_tensors():
    a, b = flags(8, 2, 70, 20)
    assert compare(torch.from_numpy(a), torch.from_numpy(b)) == compare(a, b)


def test_the_same_flags_three_times_are_not_three_times_the_evidence():
    a, b = flags(8, 2, 70, 20)
    once, thrice = compare(a, b), compare(np.stack([a] * 3), np.stack([b] * 3))
    assert (thrice.seeds, once.seeds) == ((0, 1, 2), (0,))
    assert (thrice.low, thrice.high, thrice.p_value) == pytest.approx((once.low, once.high, once.p_value))


def test_seeds_that_disagree_on_an_image_cancel():
    got = compare([[True, True], [False, True]], [[False, True], [True, False]])
    assert (got.only_a, got.only_b, got.difference) == (1, 0, 0.25)


def test_identical_networks_differ_by_nothing():
    a, _ = flags(0, 0, 60, 40)
    got = compare(a, a)
    assert got.p_value == 1.0 and got.low < 0 < got.high and got.difference == 0


@pytest.mark.parametrize(("a", "b"), [([True], [True, False]), ([], []), ([[[True]]], [[[True]]])])
def test_flags_that_do_not_pair_are_refused(a, b):
    with pytest.raises(BlackthornError, match="flags of the same images"):
        compare(a, b)


@pytest.mark.parametrize(("n", "only_a", "only_b"), [(50, 0.10, 0.02), (200, 0.05, 0.05), (1000, 0.10, 0.02)])
def test_the_interval_covers_the_truth_95_times_in_100(n, only_a, only_b):
    generator = np.random.default_rng(0)
    covered, trials = 0, 500
    for _ in range(trials):
        draw = generator.random(n)
        a = (draw < only_a) | (draw > 0.6)
        b = ((draw >= only_a) & (draw < only_a + only_b)) | (draw > 0.6)
        got = compare(a, b)
        covered += got.low <= only_a - only_b <= got.high
    assert 0.925 <= covered / trials <= 0.985


def test_equal_networks_are_called_different_at_most_5_times_in_100():
    generator = np.random.default_rng(1)
    called = 0
    for _ in range(400):
        draw = generator.random(300)
        called += compare((draw < 0.1) | (draw > 0.5), ((draw >= 0.1) & (draw < 0.2)) | (draw > 0.5)).p_value < 0.05
    assert called / 400 <= 0.06


def test_seeds_that_disagree_make_the_interval_of_a_difference_as_wide_as_students_t():
    base = np.arange(10_000) < 8_000
    losing = np.stack([np.arange(10_000) < 8_000 - lost for lost in (1000, 2000, 3000)])
    got = compare(losing, np.stack([base] * 3))
    assert got.difference == pytest.approx(-0.2)
    seeds = 4.302653 * 0.1 / math.sqrt(3)  # t with 2 degrees of freedom; the error of images is 0.7 points beside it
    assert got.high + 0.2 == pytest.approx(seeds, rel=0.01) and got.tells is False


def test_a_p_value_knows_of_seeds_as_the_interval_does():
    """Two seeds, 25 and 5 points lost: no chance as to images, and all open as to seeds."""
    base, losing = np.stack([np.arange(400) < 300] * 2), np.stack([np.arange(400) < 200, np.arange(400) < 280])
    got = compare(losing, base)
    assert compare(losing[0], base[0]).p_value < 0.001
    assert got.p_value == pytest.approx(0.374, abs=2e-3) and not got.tells  # atan(10 / 15) * 2 / pi, by seeds alone


def test_the_mean_of_numbers_that_are_no_shares_keeps_their_own_intervals():
    area = Reading(0.9, 0.85, 0.93, 100, share=False)
    got = over_seeds([area, area], seeds=(3, 5))
    assert (got.value, got.low, got.high) == pytest.approx((0.9, 0.85, 0.93))
    assert (got.seeds, got.n) == ((3, 5), 100)


def test_a_mean_over_no_seeds_is_refused():
    with pytest.raises(BlackthornError, match="at least one seed"):
        over_seeds([])


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_interval_over_seeds_covers_the_truth_about_95_times_in_100(seeds):
    """Networks whose true difference varies from seed to seed by 3 points, measured on one test set of 500 images."""
    generator = np.random.default_rng(seeds)
    covered, trials = 0, 400
    for _ in range(trials):
        luck = generator.random(500)  # of the images: the same for every seed
        gains = generator.normal(0.05, 0.03, size=seeds)
        a = np.stack([luck < 0.7 + gain for gain in gains])
        b = np.stack([luck < 0.7] * seeds)
        got = compare(a, b)
        covered += got.low <= 0.05 <= got.high
    assert covered / trials >= 0.93
