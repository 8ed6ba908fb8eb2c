"""Trainings of gates that cannot lead anywhere end in the epoch in which that is certain, with what to change."""

import re
from typing import Any

import pytest
import torch
from torch import nn

from blackthorn.data import pixels
from blackthorn.errors import TrainingError
from blackthorn.gates import BetaBernoulli, gates_of, insert_gates
from blackthorn.objectives import BayesianPruning, CrossEntropy
from blackthorn.training import SGD, Adam, Piecewise, fit
from blackthorn.training.hopeless import refuse_closed_gates

from .networks import images, residual, small


def gated(**options: Any) -> nn.Module:
    return insert_gates(small(), pixels(images().x[:1]), BetaBernoulli(**options))


def train(model: nn.Module, **options: Any) -> Any:
    options = {"epochs": 2, "batch_size": 30, "optimizer": Adam(lr=0.02), "precision": "float32"} | options
    return fit(model, images(), BayesianPruning(kl_weight=options.pop("kl_weight", 1)), **options)


def test_gates_that_cannot_close_are_refused_before_the_first_epoch_with_the_rate_that_is_enough() -> None:
    with pytest.raises(TrainingError, match="no gate is closed before the first epoch") as refused:
        train(gated(lr=0.1))  # 8 steps reach 0.8
    said = str(refused.value)
    assert "\n" not in said and "by 0.8 until the end, and the nearest unit is 2 away" in said and "(now 0.1)" in said
    found = re.search(r"learning rate above ([\d.]+) ", said)
    assert found and float(found[1]) == pytest.approx(0.25, abs=0.01)
    with pytest.raises(TrainingError, match="no better than guessing"):  # for 8 steps are few: it went to the end
        train(gated(lr=0.27), optimizer=Adam(lr=1e-6))


def test_the_schedule_counts() -> None:
    halved = Piecewise(at=(0.5,), factor=0.1)  # 4 steps of 0.27 and 4 of 0.027
    with pytest.raises(TrainingError, match=r"by 1.2 until the end"):
        train(gated(lr=0.27), schedule=halved)


def test_gates_that_went_the_other_way_are_refused_in_the_epoch_in_which_it_is_certain() -> None:
    with pytest.raises(TrainingError, match=r"no gate is closed after epoch [12] of 3"):
        train(gated(lr=0.2), epochs=3, kl_weight=0)  # 12 steps reach 2.4, if all of them went down


@pytest.mark.parametrize("options", [{"stop_at_chance": False}, {"optimizer": SGD(lr=0.1)}])
def test_a_run_goes_on_where_it_was_asked_to_or_where_nothing_is_certain(options: dict[str, Any]) -> None:
    train(gated(lr=0.01), **options)


def test_another_objective_does_not_ask_gates_to_close() -> None:
    fit(gated(lr=0.01), images(), CrossEntropy(), epochs=2, batch_size=30, optimizer=Adam(lr=0.02))


def test_a_network_that_its_gates_cut_through_is_refused() -> None:
    with pytest.raises(
        TrainingError, match=r"every unit of 0 is closed after epoch \d of 40, and all images"
    ) as refused:
        train(gated(lr=1.0), epochs=40, kl_weight=1e5)
    assert "lower the kl_weight" in str(refused.value) and "\n" not in str(refused.value)


def test_a_closed_branch_that_there_is_a_way_around_is_no_reason_to_stop() -> None:
    class Branched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.in_, self.out = nn.Conv2d(1, 6, 3), nn.Conv2d(6, 3, 1), nn.Conv2d(3, 6, 1)
            self.last = nn.Linear(6, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.one(x).relu()
            return self.last((x + self.out(self.in_(x).relu())).mean((2, 3)))

    torch.manual_seed(0)
    model = insert_gates(Branched(), pixels(images().x[:1]))
    with torch.no_grad():
        gates_of(model)[1].a.fill_(-9.0)  # type: ignore[attr-defined]
    refuse_closed_gates(model, pixels(images().x[:8]), "after epoch 1 of 2")
    with torch.no_grad():
        gates_of(model)[0].a.fill_(-9.0)  # type: ignore[attr-defined]
    with pytest.raises(TrainingError, match="every unit of one is closed after epoch 1 of 2"):
        refuse_closed_gates(model, pixels(images().x[:8]), "after epoch 1 of 2")


def test_a_loss_that_diverges_is_refused_also_that_of_the_gates() -> None:
    model = residual()
    with torch.no_grad():
        gates_of(model)[0].a.fill_(float("nan"))  # type: ignore[attr-defined]
    with pytest.raises(TrainingError, match="the loss is nan in epoch 1 of 2, step 1 of 4"):
        train(model, stop_at_chance=False)
