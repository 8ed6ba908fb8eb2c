"""A number under alarm is an upper bound: it decides what an upper bound can, and nothing else."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from blackthorn.claims import (
    Above,
    Ahead,
    AnyStatement,
    AtLeast,
    AtMost,
    Further,
    Higher,
    HighRobustness,
    Keeps,
    Lower,
    NotBelow,
    Selection,
    Sooner,
    Verdict,
    choose,
    judge,
    select,
)
from blackthorn.results import difference, estimate

from .grids import accuracy, grid

N = 400
RANG = ("zero gradients",)
COMPARED: dict[str, Any] = {"text": "t", "rows": ("pruned",), "than": "dense", "metrics": ("pgd",)}
ALONE: dict[str, Any] = {"text": "t", "rows": ("pruned",), "metrics": ("pgd",)}


def right(images: int) -> NDArray[np.bool_]:
    return np.arange(N) < images


def verdict(statement: AnyStatement, *rung: str, dense: NDArray[np.bool_], pruned: NDArray[np.bool_]) -> Verdict:
    """Judge two networks under PGD; an alarm rang for those in `rung`."""
    held = {"dense": dense, "pruned": pruned}
    cells = [accuracy(row, flags, "pgd", alarms=RANG if row in rung else ()) for row, flags in held.items()]
    return judge([statement], grid(cells))[0]


@pytest.mark.parametrize(
    ("statement", "dense", "pruned", "without", "ours", "theirs"),
    [
        # statement, images right; the verdict without an alarm, with one at `pruned`, with one at `dense`
        (Keeps(**COMPARED, points=5), 380, 380, True, None, True),
        (Keeps(**COMPARED, points=5), 380, 300, False, False, None),  # the truth at `pruned` is even lower
        (Lower(**COMPARED), 380, 300, True, True, None),
        (Lower(**COMPARED), 300, 380, False, None, False),
        (Higher(**COMPARED), 300, 380, True, None, True),
        (Higher(**COMPARED), 380, 300, False, False, None),
        (Higher(**COMPARED, points=10), 300, 380, True, None, True),
        (AtMost(**ALONE, percent=80), 0, 300, True, True, True),  # an upper bound is all that is needed
        (AtMost(**ALONE, percent=60), 0, 300, False, None, False),
        (AtLeast(**ALONE, percent=60), 0, 300, True, None, True),
        (AtLeast(**ALONE, percent=80), 0, 300, False, False, False),
    ],
)
def test_an_upper_bound_decides_only_what_an_upper_bound_can(
    statement: AnyStatement, dense: int, pruned: int, without: bool, ours: bool | None, theirs: bool | None
) -> None:
    held = {"dense": right(dense), "pruned": right(pruned)}
    assert verdict(statement, **held).holds is without
    assert verdict(statement, "pruned", **held).holds is ours
    assert verdict(statement, "dense", **held).holds is theirs
    if isinstance(statement, Keeps | Lower | Higher):
        assert verdict(statement, "pruned", "dense", **held).holds is None


def test_the_reason_is_said_in_words_and_only_where_a_statement_speaks_of_the_number() -> None:
    held = {"dense": right(380), "pruned": right(380)}
    found = verdict(Keeps(**COMPARED, points=5), "pruned", **held)
    assert found.evidence.endswith(
        "under alarm, so an upper bound that must not be compared: pruned, pgd (zero gradients)"
    )
    assert "alarm" not in verdict(AtMost(**ALONE, percent=80), "dense", **held).evidence


def test_no_verdict_under_alarm_is_contradicted_by_a_stronger_attack() -> None:
    """Whatever images the hindered attack missed: what was said from the bound is not refuted by the truth."""
    draw, told = np.random.default_rng(0), 0
    for _ in range(150):
        dense, pruned = draw.random((2, N)) < draw.random((2, 1))
        truth = pruned & (draw.random(N) < draw.random())  # a better attack fools more
        bound = float(draw.integers(0, 100))
        for statement in (
            Keeps(**COMPARED, points=bound / 3),
            Lower(**COMPARED),
            Higher(**COMPARED),
            AtMost(**ALONE, percent=bound),
            AtLeast(**ALONE, percent=bound),
        ):
            said = verdict(statement, "pruned", dense=dense, pruned=pruned).holds
            known = verdict(statement, dense=dense, pruned=truth).holds
            told += said is not None
            assert said is None or known is None or said is known, statement
    assert told > 200


def test_intervals_are_open_where_nothing_is_known() -> None:
    cells = {rang: [accuracy("r", right(300), "pgd", alarms=RANG if rang else ())] for rang in (False, True)}
    plain, bound = estimate(cells[False]), estimate(cells[True])
    assert plain is not None and bound is not None
    assert (bound.low, bound.value, bound.high) == (0.0, plain.value, plain.high)
    for ours, theirs in ((True, False), (False, True), (True, True)):
        exact, found = difference(cells[False], cells[False]), difference(cells[ours], cells[theirs])
        assert exact is not None and found is not None and not found.tells
        assert (found.low, found.high) == (-1.0 if ours else exact.low, 1.0 if theirs else exact.high)


def test_what_two_attacks_find_of_one_network_is_compared_under_alarm_too() -> None:
    """An alarm tells that a better attack would find more, and not that these two found anything else."""
    for rung in ((), ("pgd",), ("autoattack",), ("pgd", "autoattack")):
        cells = [
            accuracy("dense", right(left), metric, alarms=RANG if metric in rung else ())
            for metric, left in (("pgd", 380), ("autoattack", 300))
        ]
        truth = NotBelow(text="t", rows=("dense",), metric="autoattack", than_metric="pgd", points=3)
        flatters = Above(text="t", rows=("dense",), metrics=("pgd",), than_metrics=("autoattack",), points=3)
        found = judge([truth, flatters], grid(cells))
        assert [one.holds for one in found] == [False, True]
        for one in found:
            assert ("under alarm, as these attacks found it: dense, " in one.evidence) is bool(rung)


def test_a_sweep_with_a_number_under_alarm_is_not_said_to_last() -> None:
    rates = {"dense": 0.0, "a 50%": 0.5, "a 90%": 0.9, "b 50%": 0.5, "b 90%": 0.9}
    images = {"dense": 380, "a 50%": 380, "a 90%": 380, "b 50%": 200, "b 90%": 100}

    def held(*rung: str) -> list[bool | None]:
        cells = [accuracy(row, right(n), "pgd", alarms=RANG if row in rung else ()) for row, n in images.items()]
        cells += [accuracy(row, right(380), "natural") for row in images]
        further = Further(text="t", rows="a *", against="b *", than="dense", metrics=("pgd",), points=5)
        ahead = Ahead(text="t", rows="a *", against=("b *",), metrics=("pgd",))
        sooner = Sooner(text="t", rows="b *", than="dense", metrics=("pgd",), than_metric="natural", points=5)
        return [one.holds for one in judge([further, ahead, sooner], grid(cells, rates=rates))]

    assert held() == [True, True, True]
    assert held("a 50%", "a 90%") == [None, None, True]
    assert held("b 50%", "b 90%") == [True, True, True]  # they fall further than was seen
    assert held("dense") == [None, True, None]  # what is lost against an upper bound is not known


def test_a_number_under_alarm_can_fail_a_rule_and_not_pass_it() -> None:
    rates, natural = (0.0, 0.5, 0.9), (0.99, 0.99, 0.99)
    robust = HighRobustness(adv_tol=2)
    passing, failing = (0.9, 0.9, 0.9), (0.9, 0.9, 0.5)
    assert select(robust, rates, natural, passing).rate == 0.9
    rung = select(robust, rates, natural, passing, (False, False, True))
    assert (rung.rate, rung.settled, rung.passes) == (0.5, False, (True, True, None))
    rung = select(robust, rates, natural, failing, (False, False, True))
    assert (rung.rate, rung.settled, rung.passes) == (0.5, True, (True, True, False))
    rung = select(robust, rates, natural, failing, (True, False, False))
    assert (rung.rate, rung.settled, rung.passes[1:]) == (0.5, False, (True, None))


def test_a_selection_says_that_an_alarm_rang() -> None:
    rates = {"dense": 0.0, "a 50%": 0.5, "a 90%": 0.9}
    cells = [accuracy(row, right(380), metric) for row in rates for metric in ("natural", "pgd")]
    cells[-1] = accuracy("a 90%", right(380), "pgd", alarms=RANG)
    robust = Selection(rule=HighRobustness(), rows="a *", than="dense", adversarial="pgd")
    (found,) = choose({"robust": robust}, grid(cells, rates=rates))
    assert (found.picked, found.settled) == (None, False)
    assert found.note == (
        "under alarm, so an upper bound that must not be compared: a 90%, pgd (zero gradients); 50 % passes so far"
    )
    assert [list(tried.changes) for tried in found.sweep] == [["natural", "pgd"], ["natural"]]
