"""Numbers as shades: round levels, bands with names, and rectangles that are the square."""

from itertools import pairwise

import numpy as np
import pytest

from blackthorn.report.charts import bands, filled, levels, next_round, shaded
from blackthorn.report.charts.shades import shades


@pytest.mark.parametrize(
    ("lowest", "highest", "found"),
    [
        (0.15, 7.0, [0.2, 0.5, 1, 2, 5]),
        (0.001, 21.0, [0.1, 0.2, 0.5, 1, 2, 5, 10, 20]),
        (0.1, 2, [0.2, 0.5, 1]),
        (-3.0, 5.0, [-2, -1, 0, 1, 2, 3, 4]),
        (0.0, 0.4, [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35]),
        (1.02, 1.07, [1.03, 1.04, 1.05, 1.06]),
    ],
)
def test_levels_are_round_and_lie_between(lowest: float, highest: float, found: list[float]) -> None:
    assert levels(lowest, highest) == pytest.approx(found)


def test_a_surface_of_one_number_has_one_level() -> None:
    assert levels(0.0, 0.0) == [0.0] and levels(2.0, 2.0) == [2.0]


def test_round_numbers_from_below() -> None:
    assert [next_round(number) for number in (0, 0.23, 0.25, 0.26, 3, 10.0)] == [0, 0.25, 0.25, 0.5, 5, 10]


def test_bands_are_named_by_their_borders() -> None:
    assert bands([0.5, 1, 2]) == ["below 0.5", "0.5 to 1", "1 to 2", "2 and more"]


def test_shades_get_lighter_by_the_same_steps_and_numbers_beyond_the_end_have_that_of_the_end() -> None:
    light = [np.array([int(one[i : i + 2], 16) for i in (1, 3, 5)]) @ [0.2126, 0.7152, 0.0722] for one in shades(9)]
    assert all(b > a for a, b in pairwise(light))
    np.testing.assert_array_equal(shaded(np.array([-1.0, 2.0])), shaded(np.array([0.0, 1.0])))


def test_equal_neighbours_are_one_rectangle_and_all_of_them_are_the_square() -> None:
    numbers = [[0.0, 0.0, 1.0], [1.0, 1.0, 1.0], [3.0, 0.0, 3.0]]
    found = filled(numbers, [-1.0, 0.0, 1.0], [1, 2])
    assert [(point["series"], point["x"], point["x2"], point["y"], point["y2"]) for point in found] == [
        ("below 1", -1.5, 0.5, -1.5, -0.5),
        ("1 to 2", 0.5, 1.5, -1.5, -0.5),
        ("1 to 2", -1.5, 1.5, -0.5, 0.5),
        ("2 and more", -1.5, -0.5, 0.5, 1.5),
        ("below 1", -0.5, 0.5, 0.5, 1.5),
        ("2 and more", 0.5, 1.5, 0.5, 1.5),
    ]
