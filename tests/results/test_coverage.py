"""Intervals and tests on made-up tables with a known truth: how often they cover it, and how often they are wrong.

With one seed the truth is that of this network. With several it is the mean over all seeds there could be.
`pytest -m long -s tests/results/test_coverage.py` prints the larger table, which decision 14 quotes.
"""

import numpy as np
import pytest

from blackthorn.claims.finding import significant, together
from blackthorn.results import compare

from .simulated import answers, share_of

LEVEL = 0.95


def covered(
    seeds: int, between: float, alike: float, *, share: float, gain: float, images: int, trials: int
) -> tuple[float, float, float, float]:
    """Shares of the trials in which the interval of an accuracy covers the truth, and that of a difference; and the
    median half widths.
    """
    generator = np.random.default_rng([seeds, round(1000 * between), round(100 * alike)])
    hits, widths = np.zeros(2), []
    for _ in range(trials):
        luck = generator.normal(0, between, (2, seeds)).clip(-3 * between, 3 * between)
        common = generator.standard_normal(images)
        before, after = share + luck[0], share + gain + luck[1]
        dense = answers(before, generator, images=images, alike=alike, difficulty=common)
        pruned = answers(after, generator, images=images, alike=alike, difficulty=common)
        truth, change = (before[0], after[0] - before[0]) if seeds == 1 else (share, gain)
        held, moved = share_of(dense), compare(pruned, dense)
        hits += [held.low <= truth <= held.high, moved.low <= change <= moved.high]
        widths.append([(held.high - held.low) / 2, (moved.high - moved.low) / 2])
    return *(hits / trials), *np.median(widths, 0)


@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
@pytest.mark.parametrize(("between", "alike"), [(0.0, 0.5), (0.03, 0.5), (0.03, 0.9)])
def test_intervals_cover_the_truth(seeds: int, between: float, alike: float) -> None:
    """150 trials of a true 95 % give 92 % or less 7 times in 100, and 88 % or less almost never."""
    found = covered(seeds, between, alike, share=0.8, gain=-0.05, images=400, trials=150)
    assert min(found[:2]) >= 0.88


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seeds", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("share", [0.1, 0.8, 0.98])
def test_intervals_cover_the_truth_95_times_in_100_or_more(share: float, seeds: int) -> None:
    print("\nshare, seeds, sd of seeds, alike: coverage of accuracy, of difference; half widths")
    for between in (0.0, 0.0025, 0.01):
        for alike in (0.2, 0.8):
            spread = min(between, share / 4, (1 - share) / 4)
            found = covered(seeds, spread, alike, share=share, gain=-share / 10, images=1000, trials=500)
            print(f"{share} {seeds} {spread} {alike}: {found[0]:.3f} {found[1]:.3f}; {found[2]:.4f} {found[3]:.4f}")
            assert min(found[:2]) >= 0.92  # 500 trials: three standard errors below 95 %


def wrong(seeds: int, comparisons: int, fewest: int | None, true: int, trials: int) -> tuple[float, float]:
    """How often `at least so many of the comparisons are higher` is answered yes, and no, when `true` of them are
    higher, by far, and the others are exactly equal but for the luck of seeds and images; of one seed, of images alone.
    """
    generator = np.random.default_rng([seeds, comparisons, true])
    said = []
    for _ in range(trials):
        found = []
        for which in range(comparisons):
            common = generator.standard_normal(300)
            shares = (
                0.6 + generator.normal(0, 0.02 * (seeds > 1), (2, seeds)) + np.array([[0.35 * (which < true)], [0.0]])
            )
            a, b = (answers(row, generator, images=300, alike=0.7, difficulty=common) for row in shares)
            found.append(significant(compare(a, b), 1))
        said.append(together(found, fewest).holds)
    return said.count(True) / trials, said.count(False) / trials


@pytest.mark.parametrize("seeds", [1, 2, 3])
@pytest.mark.parametrize(("comparisons", "fewest", "true"), [(1, None, 0), (4, None, 3), (4, 1, 0), (4, 2, 1)])
def test_a_claim_that_is_just_not_so_is_hardly_ever_confirmed(
    seeds: int, comparisons: int, fewest: int | None, true: int
) -> None:
    """At most 2.5 times in 100; 100 trials give 8 or more with a chance of 0.4 %."""
    yes, _ = wrong(seeds, comparisons, fewest, true, trials=100)
    assert yes < 0.08


@pytest.mark.parametrize("seeds", [1, 2, 3])
@pytest.mark.parametrize(("comparisons", "fewest", "true"), [(1, None, 0), (4, None, 2), (4, 2, 2), (4, 1, 0)])
def test_a_claim_that_is_just_so_is_hardly_ever_denied(
    seeds: int, comparisons: int, fewest: int | None, true: int
) -> None:
    """Equal networks are the limit of "higher": a no is as wrong as a yes would be."""
    _, no = wrong(seeds, comparisons, fewest, true, trials=100)
    assert no < 0.08


def test_the_best_of_many_rates_is_not_a_rise_by_its_luck() -> None:
    """33 rates, none of which does anything: some rate looks better, and more often than 5 times in 100 by itself."""
    generator, alone, corrected, trials = np.random.default_rng(0), 0, 0, 100
    for _ in range(trials):
        common = generator.standard_normal(300)
        dense = answers([0.6], generator, images=300, alike=0.5, difficulty=common)
        rates = [answers([0.6], generator, images=300, alike=0.5, difficulty=common) for _ in range(33)]
        tests = [compare(rate, dense) for rate in rates]
        alone += min(test.above(0) for test in tests) <= 0.025
        corrected += 33 * min(test.above(0) for test in tests) <= 0.025
    assert alone / trials > 0.15 and corrected / trials < 0.08


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seeds", [1, 2, 3, 4, 5])
def test_the_rates_of_wrong_answers(seeds: int) -> None:
    print("\nseeds, comparisons, fewest, true: yes, no, where neither is so")
    for comparisons, fewest, true in ((1, None, 0), (8, None, 7), (8, 1, 0), (8, 4, 3)):
        yes, no = wrong(seeds, comparisons, fewest, true, trials=300)
        print(f"{seeds} {comparisons} {fewest} {true}: {yes:.3f} {no:.3f}")
        assert yes <= 0.055  # 2.5 % and three standard errors
