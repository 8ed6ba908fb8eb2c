"""A run that is interrupted after any epoch, or in the middle of one, and started again ends at the same bits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from blackthorn.attacks import FGSM, PGD
from blackthorn.data import Crop, Flip
from blackthorn.errors import BundleError
from blackthorn.objectives import Adversarial, AdversarialPruning, BayesianPruning, CrossEntropy
from blackthorn.pruning import ADMM, Hold, Magnitude, prune
from blackthorn.training import SGD, Adam, Cosine, EarlyStopping, Epoch, RMSprop, fit

from .networks import forgetful, gated, images, residual, same_bits, scaled, small, splits

EPOCHS, STEPS = 4, 4  # of 30 images


class Interrupted(Exception):
    pass


def pruned(model: nn.Module) -> list[Hold]:
    return [Hold(prune(model, Magnitude(), sparsity=0.6))]


RUNS: dict[str, dict[str, Any]] = {
    "standard": {"optimizer": Adam(lr=0.01), "schedule": Cosine()},
    "dropout": {"network": forgetful, "optimizer": RMSprop(lr=0.003)},
    "adversarial": {
        "objective": Adversarial(attack=PGD(eps=0.1, steps=2), eps_sampling="truncated_gaussian"),
        "optimizer": SGD(lr=0.05),
    },
    "vulnerability": {
        "network": forgetful,
        "objective": Adversarial(attack=PGD(eps=0.1, steps=2), vulnerability=0.1),
    },
    "groups": {
        "network": scaled,
        "optimizer": Adam(lr=0.01, weight_decay=1e-3, decay="weights"),
        "schedule": Cosine(),
    },
    "gates": {
        "network": gated,
        "objective": AdversarialPruning(
            weights=Adversarial(attack=PGD(eps=0.1, steps=2), vulnerability=0.1), kl_weight=4
        ),
        "schedule": Cosine(),
    },
    "gates of a residual network": {"network": residual, "objective": BayesianPruning()},
    "augmented": {"augment": [Crop(pad=1), Flip()]},
    "held": {"constraints": pruned, "optimizer": SGD(lr=0.05, weight_decay=1e-3)},
    "admm": {"constraints": lambda model: [ADMM(sparsity=0.6, period=2, rho=0.1)(model)], "optimizer": SGD(lr=0.05)},
    "early stopping": {"early_stopping": EarlyStopping(attack=PGD(eps=0.1, steps=2)), "optimizer": SGD(lr=0.3)},
    "out of patience": {"early_stopping": EarlyStopping(patience=1), "optimizer": SGD(lr=0.0001)},
    "bf16": {"precision": "bf16"},
}


def run(settings: dict[str, Any], checkpoint: Path | None = None, *, die_after: int | None = None) -> Any:
    """Train to the end, or die at the first report after this many steps."""

    def progress(text: str, done: int, total: int) -> None:
        if die_after is not None and done > die_after:
            raise Interrupted

    settings = dict(settings)
    network: Callable[[], nn.Module] = settings.pop("network", small)
    objective = settings.pop("objective", CrossEntropy())
    make_constraints = settings.pop("constraints", lambda model: [])
    model = network()
    options: dict[str, Any] = {"precision": "float32", "valid": splits().valid, "stop_at_chance": False} | settings
    history: list[Epoch] = fit(
        model, images(), objective, epochs=EPOCHS, batch_size=30, seed=3, constraints=make_constraints(model),
        checkpoint=checkpoint, progress=progress, **options,
    )  # fmt: skip
    return model, history


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_run_interrupted_after_an_epoch_and_resumed_ends_at_the_same_bits(
    name: str, epoch: int, tmp_path: Path
) -> None:
    whole, history = run(RUNS[name])
    checkpoint = tmp_path / "run.ckpt"
    if len(history) > epoch:
        with pytest.raises(Interrupted):
            run(RUNS[name], checkpoint, die_after=epoch * STEPS)
    torch.rand(9)  # where the caller's generator stands does not matter
    resumed, again = run(RUNS[name], checkpoint)
    assert again == history
    assert same_bits(whole, resumed)


def test_a_run_interrupted_again_and_again_ends_at_the_same_bits(tmp_path: Path) -> None:
    whole, history = run(RUNS["dropout"])
    for step in (0, 2, 6, 7, 9, 14):
        with pytest.raises(Interrupted):
            run(RUNS["dropout"], tmp_path / "run.ckpt", die_after=step)
    resumed, again = run(RUNS["dropout"], tmp_path / "run.ckpt")
    assert again == history and same_bits(whole, resumed)


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    whole, history = run(RUNS["early stopping"], tmp_path / "run.ckpt")
    again, recalled = run(RUNS["early stopping"], tmp_path / "run.ckpt", die_after=-1)
    assert recalled == history and same_bits(whole, again)


def test_a_precision_that_is_named_may_be_the_one_that_was_chosen_before(tmp_path: Path) -> None:
    whole, history = run({"precision": "float32"})
    with pytest.raises(Interrupted):
        run({"precision": "float32"}, tmp_path / "run.ckpt", die_after=STEPS)
    resumed, again = run({"precision": "auto"}, tmp_path / "run.ckpt")
    assert again == history and same_bits(whole, resumed)


def test_held_weights_are_zero_after_resuming(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        run(RUNS["held"], tmp_path / "run.ckpt", die_after=STEPS)
    model, _ = run(RUNS["held"], tmp_path / "run.ckpt")
    removed = sum(int((p == 0).sum()) for p in model.parameters() if p.dim() > 1)
    assert removed == sum(int((p == 0).sum()) for p in _just_pruned().parameters() if p.dim() > 1)


def _just_pruned() -> nn.Module:
    model = small()
    pruned(model)
    return model


def test_the_precision_that_was_chosen_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Another process may time the two precisions the other way round.
    auto = {"precision": "auto", "early_stopping": EarlyStopping(attack=PGD(eps=0.1, steps=2))}
    monkeypatch.setattr("blackthorn.training.trainer.resolve_for", lambda *_: "bf16")
    whole, history = run(auto)
    with pytest.raises(Interrupted):
        run(auto, tmp_path / "run.ckpt", die_after=STEPS)
    monkeypatch.setattr("blackthorn.training.trainer.resolve_for", lambda *_: "float32")
    resumed, again = run(auto, tmp_path / "run.ckpt")
    assert again == history and same_bits(whole, resumed)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"optimizer": SGD(lr=0.1)}, r"optimizer is SGD\(lr=0.1\).* Adam\(lr=0.01\)"),
        ({"optimizer": Adam(lr=0.02)}, r"optimizer is Adam\(lr=0.02\).* Adam\(lr=0.01\)"),
        ({"schedule": None}, r"schedule is Constant\(\).* Cosine\(\)"),
        ({"augment": [Flip()]}, r"augment is \[Flip\(\)\].* \[\]"),
        ({"early_stopping": EarlyStopping()}, "early_stopping"),
        ({"objective": Adversarial(attack=FGSM(eps=0.1))}, "objective"),
        ({"precision": "bf16"}, "precision is bf16"),
    ],
)
def test_a_checkpoint_of_a_run_with_other_settings_is_refused_and_not_passed_off(
    change: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    run(RUNS["standard"], tmp_path / "run.ckpt")
    with pytest.raises(BundleError, match=rf"run\.ckpt: {complaint}.*; delete it"):
        run(RUNS["standard"] | change, tmp_path / "run.ckpt")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"seed": 4}, "seed is 4.* 3"), ({"epochs": 9}, "epochs is 9.* 4"), ({"batch_size": 8}, "batch_size is 8.* 30")],
)
def test_a_checkpoint_of_another_seed_length_or_batch_is_refused(
    change: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    run({}, tmp_path / "run.ckpt")
    options = {"seed": 3, "epochs": EPOCHS, "batch_size": 30, "precision": "float32"} | change
    with pytest.raises(BundleError, match=complaint):
        fit(small(), images(), CrossEntropy(), checkpoint=tmp_path / "run.ckpt", **options)


def test_a_checkpoint_of_another_network_is_refused_in_one_line(tmp_path: Path) -> None:
    run({}, tmp_path / "run.ckpt")
    with pytest.raises(BundleError, match="another network") as refused:
        run({"network": forgetful}, tmp_path / "run.ckpt")
    assert "\n" not in str(refused.value)


def test_a_checkpoint_with_other_constraints_is_refused(tmp_path: Path) -> None:
    run(RUNS["held"] | {"optimizer": Adam()}, tmp_path / "run.ckpt")
    with pytest.raises(BundleError, match="constraints"):
        run({"optimizer": Adam()}, tmp_path / "run.ckpt")
