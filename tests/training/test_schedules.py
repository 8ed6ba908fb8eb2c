import math

import pytest

from blackthorn.training import Constant, Cosine, Piecewise
from blackthorn.values import ValidationError


def test_constant_is_1() -> None:
    assert [Constant()(progress) for progress in (0, 0.5, 0.999)] == [1, 1, 1]


def test_piecewise_falls_at_each_milestone_and_not_before() -> None:
    schedule = Piecewise(at=(0.5, 0.75))
    found = [schedule(progress) for progress in (0, 0.499, 0.5, 0.749, 0.75, 0.999)]
    assert found == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_piecewise_of_200_epochs_falls_at_the_epochs_of_the_paper() -> None:
    # ANP-VS: Adam 1e-3 -> 1e-4 -> 1e-5 at 50 % and 80 % of 200 epochs
    schedule = Piecewise(at=(0.5, 0.8))
    rates = [1e-3 * schedule(epoch / 200) for epoch in (99, 100, 159, 160)]
    assert rates == pytest.approx([1e-3, 1e-4, 1e-4, 1e-5])


def test_cosine_by_hand() -> None:
    assert [Cosine()(progress) for progress in (0, 0.25, 0.5, 1)] == pytest.approx(
        [1, (1 + math.sqrt(0.5)) / 2, 0.5, 0]
    )
    assert Cosine(final=0.2)(0.5) == pytest.approx(0.6) and Cosine(final=0.2)(1) == pytest.approx(0.2)


def test_cosine_warms_up_in_a_straight_line() -> None:
    schedule = Cosine(warmup=0.1)
    assert [schedule(progress) for progress in (0, 0.05, 0.1, 0.55)] == pytest.approx([0, 0.5, 1, 0.5])


@pytest.mark.parametrize("at", [(0.75, 0.5), (0.5, 0.5), (0.5, 1.5)])
def test_milestones_that_do_not_grow_within_the_run_are_refused(at: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        Piecewise(at=at)


def test_a_warm_up_of_the_whole_run_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"write 0\.1"):
        Cosine(warmup=1)
