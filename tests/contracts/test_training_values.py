"""What every optimiser and every schedule promises."""

from typing import Any

import pytest
import torch
from torch import nn

from .examples import OPTIMIZERS, SCHEDULES


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_an_optimiser_starts_at_its_learning_rate_and_moves_every_weight(optimizer: Any) -> None:
    weights = nn.Parameter(torch.ones(3))
    built = optimizer.build([weights])
    assert [group["lr"] for group in built.param_groups] == [optimizer.lr]
    weights.sum().backward()
    built.step()
    assert (weights < 1).all()


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_weight_decay_is_coupled(optimizer: Any) -> None:
    # coupled decay adds w/2 ||p||^2 to the objective: its gradient at p = 1 is w, whatever the optimiser does with it
    decayed, by_hand = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    plain = type(optimizer)(lr=optimizer.lr).build([by_hand])
    with_decay = type(optimizer)(lr=optimizer.lr, weight_decay=0.5).build([decayed])
    for _ in range(3):
        decayed.grad, by_hand.grad = torch.ones(2), torch.ones(2) + 0.5 * by_hand.detach()
        plain.step()
        with_decay.step()
    assert torch.allclose(decayed, by_hand)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_a_schedule_stays_between_0_and_1_and_does_not_rise_after_its_warm_up(schedule: Any) -> None:
    parts = getattr(schedule, "times", 1)  # of the run, each of which begins at the full rate again
    for part in range(parts):
        factors = [schedule((part + step / 100) / parts) for step in range(100)]
        after = factors[int(100 * getattr(schedule, "warmup", 0)) :]
        assert all(0 <= factor <= 1 for factor in factors)
        assert after == sorted(after, reverse=True) and after[0] == 1
