import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from blackthorn.data import batches
from blackthorn.errors import BundleError, ModelError
from blackthorn.models import ParameterGroup, parameter_groups
from blackthorn.objectives import CrossEntropy
from blackthorn.training import SGD, Adam, AnyOptimizer, Cosine, RMSprop, fit

from .networks import Scaled, images, same_bits, scaled, small


def test_each_group_takes_its_own_step() -> None:
    usual, own = nn.Parameter(torch.tensor([[2.0]])), nn.Parameter(torch.tensor([[2.0]]))
    group = ParameterGroup([own], lr=0.01, weight_decay=0)
    built = SGD(lr=0.1, momentum=0, weight_decay=0.5).build([usual, own], [group])
    (3 * usual + 3 * own).sum().backward()
    built.step()
    assert usual.item() == pytest.approx(2 - 0.1 * (3 + 0.5 * 2))
    assert own.item() == pytest.approx(2 - 0.01 * 3)


def test_a_factor_multiplies_the_optimisers_rate_or_the_groups_own() -> None:
    parameters = [nn.Parameter(torch.ones(1)) for _ in range(3)]
    groups = [ParameterGroup(parameters[:1], factor=10), ParameterGroup(parameters[1:2], lr=0.2, factor=0.5)]
    built = Adam(lr=0.01).build(parameters, groups)
    assert [group["lr"] for group in built.param_groups] == [0.1, 0.01]
    assert [len(group["params"]) for group in built.param_groups] == [2, 1]  # the same rate is the same group


def test_without_groups_all_parameters_are_together_in_their_order() -> None:
    model = small()
    (group,) = Adam(weight_decay=1e-3).build(model.parameters(), parameter_groups(model)).param_groups
    assert all(one is other for one, other in zip(group["params"], model.parameters(), strict=True))


def test_biases_and_norms_can_be_spared_from_decay() -> None:
    model = small()
    with torch.no_grad():
        for p in model.parameters():
            p.fill_(1.0).grad = torch.zeros_like(p)
    SGD(lr=0.1, momentum=0, weight_decay=0.5, decay="weights").build(model.parameters()).step()
    kept = {name for name, p in model.named_parameters() if (p == 1).all()}
    assert kept == {"0.bias", "2.bias", "3.weight", "3.bias", "6.bias"}
    assert all(torch.allclose(p, torch.tensor(0.95)) for name, p in model.named_parameters() if name not in kept)


OPTIMIZERS: list[tuple[Any, Any]] = [
    (SGD(lr=0.05, weight_decay=1e-2), lambda g: torch.optim.SGD(g, 0.05, momentum=0.9, weight_decay=1e-2)),
    (Adam(lr=0.01, weight_decay=1e-2), lambda g: torch.optim.Adam(g, 0.01, weight_decay=1e-2)),
    (RMSprop(lr=0.01, weight_decay=1e-2), lambda g: torch.optim.RMSprop(g, 0.01, weight_decay=1e-2)),
]


@pytest.mark.parametrize(("optimizer", "torchs"), OPTIMIZERS, ids=[repr(optimizer) for optimizer, _ in OPTIMIZERS])
def test_training_equals_torchs_own_groups_and_scheduler_to_the_bit(optimizer: AnyOptimizer, torchs: Any) -> None:
    ours, by_hand, schedule = scaled(), scaled(), Cosine()
    options: dict[str, Any] = {"epochs": 3, "batch_size": 32, "schedule": schedule, "precision": "float32"}
    history = fit(ours, images(), CrossEntropy(), optimizer=optimizer, stop_at_chance=False, **options)

    others = [p for name, p in by_hand.named_parameters() if name != "3.scale"]
    torch.manual_seed(0)
    groups = [{"params": others}, {"params": [by_hand.get_parameter("3.scale")], "lr": 0.03, "weight_decay": 0.0}]
    optimiser = torchs(groups)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: schedule((step // 4 + step % 4 / 4) / 3))
    for epoch in range(3):
        for x, y in batches(images(), 32, seed=0, epoch=epoch):
            optimiser.zero_grad()
            F.cross_entropy(by_hand(x), y).backward()
            optimiser.step()
            scheduler.step()
    assert same_bits(ours, by_hand)
    # the history shows the rate of the parameters that ask for none
    assert [epoch["lr"] for epoch in history] == [optimizer.lr * schedule((e + 0.75) / 3) for e in range(3)]


def test_a_rate_of_its_own_of_0_keeps_a_parameter_where_it_is() -> None:
    model = scaled(lr=0.0)
    before = copy.deepcopy(model)
    fit(model, images(), CrossEntropy(), epochs=1, stop_at_chance=False)
    assert torch.equal(model.get_parameter("3.scale"), before.get_parameter("3.scale"))
    assert not torch.equal(model.get_parameter("1.weight"), before.get_parameter("1.weight"))


def test_a_copy_of_a_network_asks_for_its_own_parameters() -> None:
    twin = copy.deepcopy(scaled())
    (group,) = parameter_groups(twin)
    assert tuple(group.parameters) == (twin.get_parameter("3.scale"),)


def test_frozen_parameters_stay_frozen_in_a_group() -> None:
    model = scaled()
    model.get_parameter("3.scale").requires_grad_(False)
    before = copy.deepcopy(model)
    fit(model, images(), CrossEntropy(), epochs=1, stop_at_chance=False)
    assert torch.equal(model.get_parameter("3.scale"), before.get_parameter("3.scale"))


def test_a_checkpoint_of_a_run_with_other_groups_is_refused(tmp_path: Path) -> None:
    options: dict[str, Any] = {"epochs": 1, "checkpoint": tmp_path / "run.ckpt", "stop_at_chance": False}
    fit(scaled(), images(), CrossEntropy(), **options)
    with pytest.raises(BundleError, match=r"parameter_groups is 1 at lr 0\.1 .* 1 at lr 0\.03 .*delete it"):
        fit(scaled(lr=0.1), images(), CrossEntropy(), **options)
    fit(scaled(), images(), CrossEntropy(), **options)


# --- groups that cannot be -------------------------------------------------------------------------------------------


class Asking(Scaled):
    """Asks for the groups that it is given."""

    def __init__(self, *groups: Any) -> None:
        super().__init__(2)
        self.groups = groups

    def parameter_groups(self) -> list[Any]:
        return [ParameterGroup([self.scale]) if group == "own" else group for group in self.groups]


@pytest.mark.parametrize(
    ("groups", "complaint"),
    [
        (("own", "own"), r"gate \(Asking\).* in another group already; name it once"),
        ((ParameterGroup([nn.Parameter(torch.ones(1))]),), "that the module does not hold"),
        (({"params": []},), r"gives dict; give a list of models\.ParameterGroup"),
    ],
)
def test_groups_that_cannot_be_are_refused_in_one_line(groups: Any, complaint: str) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    model.add_module("gate", Asking(*groups))
    with pytest.raises(ModelError, match=complaint) as refused:
        fit(model, images(), CrossEntropy(), epochs=1)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("options", [{"lr": -0.1}, {"factor": float("inf")}, {"weight_decay": float("nan")}])
def test_numbers_that_are_no_rates_are_refused(options: dict[str, float]) -> None:
    (name,) = options
    with pytest.raises(ModelError, match=rf"{name} is .*; write a number of at least 0"):
        ParameterGroup([], **options)
