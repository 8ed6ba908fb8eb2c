import copy
import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from blackthorn.attacks import PGD
from blackthorn.data import Crop, Flip, ImageSet
from blackthorn.errors import DataError, TrainingError
from blackthorn.objectives import Adversarial, CrossEntropy, Loss
from blackthorn.training import SGD, Adam, AnyOptimizer, AnySchedule, Constant, Cosine, Piecewise, RMSprop, fit

from ..reference.training import train
from .networks import forgetful, images, same_bits, small, splits, weights

OPTIMIZERS = [
    (SGD(lr=0.05), lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
    (
        SGD(lr=0.05, nesterov=True, weight_decay=1e-2),
        lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=1e-2),
    ),
    (Adam(lr=0.01, weight_decay=1e-2), lambda p: torch.optim.Adam(p, 0.01, weight_decay=1e-2)),
    (RMSprop(lr=0.01, alpha=0.9), lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.9)),
]


@pytest.mark.parametrize(("optimizer", "torchs"), OPTIMIZERS, ids=[repr(optimizer) for optimizer, _ in OPTIMIZERS])
@pytest.mark.parametrize("network", [small, forgetful])
def test_training_equals_a_hand_written_loop_to_the_bit(optimizer: AnyOptimizer, torchs: Any, network: Any) -> None:
    by_hand, ours = network(), network()
    train(by_hand, images(), torchs(by_hand.parameters()), epochs=3, batch_size=32, seed=7, rate=lambda _: optimizer.lr)
    fit(ours, images(), CrossEntropy(), epochs=3, batch_size=32, optimizer=optimizer, precision="float32", seed=7)
    assert same_bits(by_hand, ours)


@pytest.mark.parametrize("schedule", [Constant(), Piecewise(at=(0.5, 0.75)), Cosine(warmup=0.2)])
def test_the_schedule_sets_the_rate_at_every_step(schedule: AnySchedule) -> None:
    by_hand, ours = small(), small()
    optimiser = torch.optim.SGD(by_hand.parameters(), 0.1, momentum=0.9)
    train(by_hand, images(), optimiser, epochs=4, batch_size=32, seed=0, rate=lambda at: 0.1 * schedule(at))
    options: dict[str, Any] = {"optimizer": SGD(lr=0.1), "schedule": schedule, "precision": "float32"}
    history = fit(ours, images(), CrossEntropy(), epochs=4, batch_size=32, **options)
    assert same_bits(by_hand, ours)
    assert [epoch["lr"] for epoch in history] == [0.1 * schedule((e + 0.75) / 4) for e in range(4)]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    objective = Adversarial(attack=PGD(eps=0.1, steps=2))
    first, again, other = forgetful(), forgetful(), forgetful()
    for model, seed in ((first, 1), (again, 1), (other, 2)):
        torch.rand(seed)  # where the caller's generator stands does not matter
        fit(model, images(), objective, epochs=2, batch_size=32, seed=seed, precision="float32", stop_at_chance=False)
    assert same_bits(first, again) and not same_bits(first, other)


def test_the_callers_generator_is_left_where_it_was() -> None:
    model, before = forgetful(), torch.get_rng_state()
    fit(model, images(), CrossEntropy(), epochs=1, augment=[Crop(pad=1)], seed=5, stop_at_chance=False)
    assert torch.equal(torch.get_rng_state(), before)


def test_history_holds_means_over_images_and_not_over_batches() -> None:
    # 120 images in batches of 100 and 20; the objective reports the size of the batch
    def sizes(model: nn.Module, x: Tensor, y: Tensor) -> Loss:
        return Loss(F.cross_entropy(model(x), y), {"size": torch.tensor(float(len(x)))})

    history = fit(small(), images(), sizes, epochs=2, batch_size=100)
    assert [epoch["size"] for epoch in history] == [pytest.approx((100 * 100 + 20 * 20) / 120)] * 2


def test_training_learns() -> None:
    history = fit(small(), images(), CrossEntropy(), epochs=6, batch_size=20, optimizer=Adam(lr=0.01))
    assert history[-1]["loss"] < history[0]["loss"] and history[-1]["accuracy"] > 0.9


def test_frozen_weights_stay() -> None:
    model = small()
    model[0].weight.requires_grad_(False)
    before = weights(model)
    fit(model, images(), CrossEntropy(), epochs=1, optimizer=SGD(lr=0.1, weight_decay=0.1), stop_at_chance=False)
    assert torch.equal(model[0].weight, before["0.weight"]) and not torch.equal(model[6].weight, before["6.weight"])


def test_weights_stay_in_float32_when_trained_in_bf16() -> None:
    seen = []

    def watching(model: nn.Module, x: Tensor, y: Tensor) -> Loss:
        logits = model(x)
        seen.append(logits.dtype)
        return Loss(F.cross_entropy(logits.float(), y))

    model = small()
    fit(model, images(), watching, epochs=2, precision="bf16")
    assert set(seen) == {torch.bfloat16}
    assert all(p.dtype == torch.float32 for p in model.parameters())


def test_augmentation_changes_what_is_trained_on_anew_in_every_epoch() -> None:
    seen: list[Tensor] = []

    def watching(model: nn.Module, x: Tensor, y: Tensor) -> Loss:
        seen.append(x[y.argsort(stable=True)].clone())
        return Loss(F.cross_entropy(model(x), y))

    one = ImageSet(images().x[:1].expand(16, -1, -1, -1).clone(), images().y[:16] * 0, images().classes)
    fit(small(), one, watching, epochs=2, augment=[Crop(pad=2), Flip()], stop_at_chance=False)
    plain = one.x.float() / 255
    assert not torch.equal(seen[0], plain) and not torch.equal(seen[0], seen[1])


def test_constraints_are_called_in_their_order_and_penalties_are_added() -> None:
    calls: list[str] = []

    class Watching:
        def penalty(self, model: nn.Module) -> Tensor:
            calls.append("penalty")
            return 0.5 * sum(p.square().sum() for p in model.parameters())  # type: ignore[return-value]

        def after_step(self, model: nn.Module) -> None:
            calls.append("step")

        def after_epoch(self, model: nn.Module, epoch: int) -> None:
            calls.append(f"epoch {epoch}")

        def state_dict(self) -> dict[str, Tensor]:
            return {}

        def load_state_dict(self, state: object) -> None: ...

    penalised, decayed = small(), small()
    options: dict[str, Any] = {"epochs": 2, "batch_size": 60, "precision": "float32"}
    fit(penalised, images(), CrossEntropy(), constraints=[Watching()], optimizer=SGD(lr=0.1), **options)
    assert calls == ["penalty", "step"] * 2 + ["epoch 0"] + ["penalty", "step"] * 2 + ["epoch 1"]
    # half the squared norm as a penalty is a weight decay of 1
    fit(decayed, images(), CrossEntropy(), optimizer=SGD(lr=0.1, weight_decay=1.0), **options)
    for p, q in zip(penalised.parameters(), decayed.parameters()):
        assert torch.allclose(p, q, atol=1e-5)


def test_progress_ends_at_the_last_step_with_the_epoch_and_its_accuracy() -> None:
    seen: list[tuple[str, int, int]] = []
    fit(small(), images(), CrossEntropy(), epochs=2, batch_size=10, progress=lambda *report: seen.append(report))
    done = [report[1] for report in seen]
    assert done == sorted(done) and done[-1] == 24 and {report[2] for report in seen} == {24}
    assert seen[0][0].startswith("epoch 1/2 accuracy ") and seen[-1][0].startswith("epoch 2/2 accuracy ")


# --- training that stopped making sense ------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_stops_training_within_50_steps_with_the_remedy() -> None:
    steps = []

    def exploding(model: nn.Module, x: Tensor, y: Tensor) -> Loss:
        steps.append(1)
        return Loss(F.cross_entropy(model(x), y) * (torch.inf if len(steps) > 60 else 1))

    with pytest.raises(
        TrainingError, match=r"the loss is \w+ in epoch 1 of 3, step \d+ of 120.* learning rate \(now 0\.1"
    ):
        fit(small(), images(), exploding, epochs=3, batch_size=1, optimizer=SGD(lr=0.1), stop_at_chance=False)
    assert len(steps) <= 60 + 50


def test_a_learning_rate_that_blows_up_is_named() -> None:
    with pytest.raises(TrainingError, match=r"blown up; lower the learning rate \(now 1e\+20\)"):
        fit(forgetful(), images(), CrossEntropy(), epochs=3, batch_size=10, optimizer=SGD(lr=1e20))


def test_weights_that_blow_up_in_the_very_last_step_are_noticed() -> None:
    with pytest.raises(TrainingError, match="blown up"):
        fit(small(), images(), lambda m, x, y: Loss(m(x).sum() * 1e30), epochs=1, optimizer=SGD(lr=1e30))


def constant() -> nn.Sequential:
    """A network that sees nothing."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    nn.init.zeros_(model[1].weight)
    return model


def test_accuracy_at_chance_after_three_epochs_stops_training_with_the_remedies() -> None:
    seen: list[str] = []
    with pytest.raises(TrainingError, match=r"no better than guessing \(25\.0%\).*stop_at_chance: false"):
        fit(
            constant(), images(), CrossEntropy(), epochs=9, optimizer=SGD(lr=1e-9),
            progress=lambda text, done, total: seen.append(text),
        )  # fmt: skip
    assert seen[-1].startswith("epoch 3/9")


def test_a_short_run_at_chance_is_refused_at_its_end() -> None:
    with pytest.raises(TrainingError, match="after 1 epoch, no better"):
        fit(constant(), images(), CrossEntropy(), epochs=1, optimizer=SGD(lr=1e-9))


@pytest.mark.parametrize(("lr", "reason"), [(1e-9, "no better than guessing"), (1e30, "blown up")])
def test_the_learning_rate_that_is_to_be_lowered_is_the_one_that_was_asked_for(lr: float, reason: str) -> None:
    """What a schedule has made of it by then is nowhere to be changed."""
    with pytest.raises(TrainingError, match=f"{reason}.*lower the learning rate {re.escape(f'(now {lr:g})')}"):
        falling = Piecewise(at=(0.01,), factor=0.5)
        fit(forgetful(), images(), CrossEntropy(), epochs=3, batch_size=10, optimizer=SGD(lr=lr), schedule=falling)


def test_chance_can_be_allowed() -> None:
    history = fit(constant(), images(), CrossEntropy(), epochs=4, optimizer=SGD(lr=1e-9), stop_at_chance=False)
    assert len(history) == 4


def test_guessing_the_largest_class_is_chance_too() -> None:
    mostly = images().subset(
        torch.cat([torch.arange(0, 120, 4), torch.arange(1, 30, 4)])
    )  # 30 of class 0, 8 of class 1
    model = constant()
    with torch.no_grad():
        model[1].bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
    with pytest.raises(TrainingError, match=r"guessing \(78\.9%\)"):
        fit(model, mostly, CrossEntropy(), epochs=3, optimizer=SGD(lr=1e-9))


def test_a_network_that_learns_slowly_but_surely_is_left_in_peace() -> None:
    fit(small(), images(), CrossEntropy(), epochs=3, batch_size=20, optimizer=Adam(lr=0.003))


@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_a_batch_of_no_images_is_refused(precision: Any) -> None:
    with pytest.raises(DataError, match="batch_size: read 0"):
        fit(small(), images(), CrossEntropy(), epochs=1, batch_size=0, precision=precision)


def test_no_images_are_refused() -> None:
    with pytest.raises(TrainingError, match="no images to train on"):
        fit(small(), images().subset(slice(0, 0)), CrossEntropy(), epochs=1)


def test_training_ends_in_train_mode_and_keeps_no_graph() -> None:
    model = small().eval()
    history = fit(model, images(), CrossEntropy(), epochs=1, stop_at_chance=False)
    assert model.training and all(isinstance(number, float) for number in history[0].values())
    copy.deepcopy(model)


def test_validation_images_alone_change_nothing() -> None:
    with_valid, without = small(), small()
    fit(with_valid, images(), CrossEntropy(), epochs=1, valid=splits().valid, stop_at_chance=False)
    fit(without, images(), CrossEntropy(), epochs=1, stop_at_chance=False)
    assert same_bits(with_valid, without)
