"""The area under a ROC curve against hand-counted pairs, a slow loop, scikit-learn, and its interval by simulation."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackthorn.errors import BlackthornError
from blackthorn.results.roc import auroc, roc, threshold

LEVELS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30)


def by_pairs(clean: list[float], attacked: list[float]) -> float:
    wins = [(a > c) + 0.5 * (a == c) for a, c in itertools.product(attacked, clean)]
    return sum(wins) / len(wins)


def area(clean: object, attacked: object, of: object = None) -> float:
    found = auroc(clean, attacked, of)  # type: ignore[arg-type]
    assert found is not None
    return found.value


def test_areas_counted_by_hand() -> None:
    assert area([1, 2, 3], [4, 5, 6]) == 1
    assert area([4, 5, 6], [1, 2, 3]) == 0
    assert area([1, 1, 1], [1, 1, 1]) == 0.5
    assert area([1, 2], [2, 3]) == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert area([1, 2, 3], [0, 9, 2.5], [True, False, True]) == pytest.approx(2 / 6)


@given(LEVELS)
def test_the_area_is_the_share_of_pairs_in_order_with_ties_as_a_half(pairs: list[tuple[int, int]]) -> None:
    clean, attacked = ([float(value) for value in values] for values in zip(*pairs))
    assert area(clean, attacked) == pytest.approx(by_pairs(clean, attacked), abs=1e-12)


@given(LEVELS)
def test_the_interval_holds_the_area_and_stays_in_0_to_1(pairs: list[tuple[int, int]]) -> None:
    found = auroc(*zip(*pairs))
    assert found is not None and 0 <= found.low <= found.value + 1e-9 and found.value - 1e-9 <= found.high <= 1


@given(LEVELS)
def test_more_allowed_false_alarms_never_flag_less(pairs: list[tuple[int, int]]) -> None:
    clean, attacked = zip(*pairs)
    points = roc(clean, attacked)
    assert points == sorted(points) and [tpr for _, tpr in points] == sorted(tpr for _, tpr in points)
    assert points[0][0] == 0 and points[-1] == (1, 1)


def test_area_and_curve_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import roc_auc_score, roc_curve

    generator = np.random.default_rng(0)
    clean, attacked = generator.normal(size=80).round(1), generator.normal(1, 2, size=80).round(1)
    labels, scores = np.repeat([0, 1], 80), np.concatenate([clean, attacked])
    assert area(clean, attacked) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    theirs = {(round(f, 9), round(t, 9)) for f, t, _ in zip(*roc_curve(labels, scores, drop_intermediate=False))}
    ours = {(round(f, 9), round(t, 9)) for f, t in roc(clean, attacked, points=400)}
    assert ours <= theirs and len(ours) > 20


def test_a_curve_of_many_images_has_about_a_hundred_points_and_starts_with_one_false_alarm() -> None:
    generator = np.random.default_rng(0)
    points = roc(generator.normal(size=10_000), generator.normal(1, size=10_000))
    assert 80 <= len(points) <= 100 and points[1][0] == 1e-4


def test_a_threshold_flags_no_more_than_was_allowed_and_ties_less() -> None:
    clean = [float(score) for score in range(100)]
    assert threshold(clean, 0.05) == 94  # 95, 96, 97, 98, 99 lie above
    assert threshold(clean, 0) == 99 and threshold(clean, 0.29) == 70
    assert threshold([0, 0, 1, 1], 0.25) == 1  # both or neither
    assert threshold(clean, 1) < 0


def delong(clean: np.ndarray, attacked: np.ndarray) -> float:  # type: ignore[type-arg]
    """Variance of the area for two independent samples, from the full table of pairs."""
    wins = (attacked[:, None] > clean) + 0.5 * (attacked[:, None] == clean)
    return float(wins.mean(1).var(ddof=1) / len(attacked) + wins.mean(0).var(ddof=1) / len(clean))


def test_without_a_link_between_pairs_the_interval_is_delongs() -> None:
    generator = np.random.default_rng(1)
    clean, attacked = generator.normal(size=2000), generator.normal(1, size=2000)
    found = auroc(clean, attacked)
    assert found is not None
    half = 1.96 * delong(clean, attacked) ** 0.5
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.05)


@pytest.mark.parametrize("link", [0.0, 0.9])
def test_the_interval_covers_the_true_area_as_often_as_it_says_however_pairs_are_linked(link: float) -> None:
    generator, covered, truth = np.random.default_rng(2), 0, 0.7602499  # of normal scores one apart: Phi(1 / sqrt 2)
    for _ in range(600):
        shared = generator.normal(size=60)
        clean, attacked = (
            link**0.5 * shared + (1 - link) ** 0.5 * generator.normal(size=60) + shift for shift in (0, 1)
        )
        found = auroc(clean, attacked)
        assert found is not None
        covered += found.low <= truth <= found.high
    assert 0.92 <= covered / 600 <= 0.98


def test_perfect_separation_is_as_sure_as_a_share_of_as_many_images() -> None:
    found = auroc(np.arange(100), np.arange(100) + 100)
    assert found is not None and (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(100 / (100 + 1.959964**2))  # Wilson's interval of 100 of 100


def test_no_attacked_image_to_count_has_no_area() -> None:
    assert auroc([1, 2], [3, 4], [False, False]) is None


def test_scores_that_do_not_pair_up_or_are_not_finite_are_refused() -> None:
    with pytest.raises(BlackthornError, match=r"got \(2,\), \(3,\)"):
        auroc([1, 2], [1, 2, 3])
    with pytest.raises(BlackthornError, match="finite"):
        roc([1, float("nan")], [1, 2])
