"""Which network fulfils several wishes, and which wish was the expensive one: by tables that can be read."""

import pytest

from blackthorn.claims.wishes import Candidate, Wishes, grant

WISHES = Wishes({"smaller": 4.0}, {"natural": 1.0, "pgd": 2.0})


def tried(row: str, smaller: float, natural: float, pgd: float = 0.0) -> Candidate:
    return Candidate(row, {"smaller": smaller}, {"natural": natural, "pgd": pgd})


def test_the_one_that_goes_furthest_of_all_that_pass_is_picked() -> None:
    found = grant(WISHES, [tried("a", 4.1, 0.2), tried("b", 6.0, 0.9), tried("c", 8.0, 1.1), tried("d", 2.0, 0.0)])
    assert found.picked is not None and found.picked.row == "b" and found.expensive == ()


def test_a_loss_of_exactly_the_tolerance_passes_and_of_two_that_go_as_far_the_better_one_is_picked() -> None:
    found = grant(WISHES, [tried("a", 4.0, 1.0, 2.0), tried("b", 4.0, 0.5, 2.0)])
    assert found.picked is not None and found.picked.row == "b"
    assert grant(WISHES, [tried("a", 4.0, 1.0, 2.0)]).picked is not None


def test_what_no_network_reaches_is_the_expensive_wish() -> None:
    found = grant(WISHES, [tried("a", 3.0, 0.0), tried("b", 3.5, 5.0), tried("c", 2.0, 0.0)])
    assert (found.picked, found.expensive, found.nearest) == (None, ("smaller",), None)
    assert found.closest is not None and found.closest.row == "a"


def test_the_loss_that_is_in_the_way_of_a_network_that_goes_far_enough_is_the_expensive_wish() -> None:
    rows = [tried("a", 3.0, 0.0), tried("b", 5.0, 0.3, 9.0), tried("c", 4.5, 1.5, 3.0), tried("d", 3.5, -0.5, 1.0)]
    found = grant(WISHES, rows)
    assert found.picked is None and found.expensive == ("pgd",)
    assert found.nearest is not None and found.nearest.row == "b"
    assert found.closest is not None and found.closest.row == "d"


def test_where_everything_loses_too_much_nothing_comes_close() -> None:
    found = grant(WISHES, [tried("a", 2.0, 3.0), tried("b", 5.0, 7.0, 1.0), tried("c", 6.0, 4.0, 1.0)])
    assert found.closest is None and found.expensive == ("natural",)
    assert found.nearest is not None and found.nearest.row == "c"


def test_two_wishes_that_are_reached_only_apart_are_both_expensive() -> None:
    wishes = Wishes({"smaller": 4.0, "faster": 2.0}, {"natural": 1.0})
    one = Candidate("one", {"smaller": 5.0, "faster": 1.5}, {"natural": 0.0})
    other = Candidate("other", {"smaller": 3.0, "faster": 2.5}, {"natural": 0.0})
    assert grant(wishes, [one, other]).expensive == ("smaller", "faster")
    assert grant(wishes, [one]).expensive == ("faster",)
    assert wishes.reach(one) == pytest.approx(0.75)


def test_a_rate_of_whole_weights_rounded_down_reaches_its_wish() -> None:
    wishes = Wishes({"sparsity": 0.9}, {"natural": 1.0})
    assert grant(wishes, [Candidate("a", {"sparsity": 0.8996}, {"natural": 0.0})]).picked is not None
    assert grant(wishes, [Candidate("a", {"sparsity": 0.899}, {"natural": 0.0})]).picked is None
