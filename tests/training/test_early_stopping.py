import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from blackthorn.attacks import FGSM, PGD, craft
from blackthorn.data import ImageSet, pixels, stripes
from blackthorn.errors import TrainingError
from blackthorn.objectives import CrossEntropy
from blackthorn.training import SGD, EarlyStopping, Piecewise, fit
from blackthorn.values import ValidationError

from .networks import images, same_bits, small, splits


def right(model: nn.Module, held_out: ImageSet) -> float:
    model.eval()
    with torch.no_grad():
        return (model(pixels(held_out.x)).argmax(1) == held_out.y).float().mean().item()


def test_the_first_of_the_best_epochs_weights_are_kept() -> None:
    noisy = stripes(train=120, valid=40, noise=0.5)  # hard enough that accuracy goes up and down
    options: dict[str, Any] = {"batch_size": 30, "optimizer": SGD(lr=0.1), "precision": "float32"}
    model, shorter = small(), []
    history = fit(
        model, noisy.train, CrossEntropy(), epochs=6, valid=noisy.valid, early_stopping=EarlyStopping(), **options
    )
    for epochs in range(1, 7):  # at a constant rate a short run is the beginning of a long one
        shorter.append(small())
        fit(shorter[-1], noisy.train, CrossEntropy(), epochs=epochs, stop_at_chance=False, **options)
    scores = [right(stage, noisy.valid) for stage in shorter]
    assert [epoch["valid"] for epoch in history] == pytest.approx(scores)
    best = scores.index(max(scores))
    assert 0 < best < 5 and scores.count(max(scores)) > 1  # 0.775, 0.925, 0.95, 0.9, 0.925, 0.95
    assert same_bits(model, shorter[best])


def test_training_stops_after_patience_epochs_without_a_better_one() -> None:
    frozen = SGD(lr=1e-12)  # nothing ever gets better than the first epoch
    model = small()
    history = fit(
        model, images(), CrossEntropy(), epochs=9, optimizer=frozen, valid=splits().valid,
        early_stopping=EarlyStopping(patience=2), stop_at_chance=False,
    )  # fmt: skip
    # running statistics of the norm settle over the first epochs, so scores may still grow there
    valid = [epoch["valid"] for epoch in history]
    assert len(valid) == valid.index(max(valid)) + 1 + 2 < 9


def test_the_score_is_accuracy_under_the_attack_on_the_first_images() -> None:
    model, valid = small(), splits().valid
    stopping = EarlyStopping(attack=FGSM(eps=0.05), images=24)
    with warnings.catch_warnings(action="ignore"):
        expected = craft(FGSM(eps=0.05), model, pixels(valid.x[:24]), valid.y[:24]).robust_accuracy
    assert stopping.score(model, valid) == expected
    assert EarlyStopping().score(model, valid) == pytest.approx(right(model, valid))
    assert EarlyStopping(images=24).score(model, valid) == pytest.approx(right(model, valid.subset(slice(24))))


def test_the_score_of_a_network_is_the_same_every_time_and_moves_no_generator() -> None:
    model, valid = small(), splits().valid
    stopping, before = EarlyStopping(attack=PGD(eps=0.1, steps=3)), torch.get_rng_state()
    assert stopping.score(model, valid) == stopping.score(model, valid)
    assert torch.equal(torch.get_rng_state(), before) and model.training


def test_clean_accuracy_of_a_very_sure_network_is_measured_without_a_warning() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    with torch.no_grad():
        model[1].weight.mul_(1e6)
    EarlyStopping().score(model, splits().valid)


def test_measuring_does_not_change_what_is_trained() -> None:
    with_stops, without = small(), small()
    options: dict[str, Any] = {"epochs": 3, "batch_size": 30, "optimizer": SGD(lr=0.1), "precision": "float32"}
    stopping = EarlyStopping(attack=PGD(eps=0.1, steps=2))
    history = fit(with_stops, images(), CrossEntropy(), valid=splits().valid, early_stopping=stopping, **options)
    plain = fit(without, images(), CrossEntropy(), **options)
    assert [{k: v for k, v in epoch.items() if k != "valid"} for epoch in history] == plain


@pytest.mark.parametrize("valid", [None, stripes(valid=0).valid])
def test_early_stopping_without_validation_images_is_refused(valid: ImageSet | None) -> None:
    with pytest.raises(TrainingError, match=r"load the data with valid=0\.1"):
        fit(small(), images(), CrossEntropy(), epochs=1, early_stopping=EarlyStopping(), valid=valid)


def test_a_targeted_attack_cannot_be_withstood() -> None:
    with pytest.raises(ValidationError, match="remove targeted: true"):
        EarlyStopping(attack=FGSM(eps=0.1, targeted=True))


def test_early_stopping_and_a_schedule_go_together(tmp_path: Path) -> None:
    history = fit(
        small(),
        images(),
        CrossEntropy(),
        epochs=4,
        batch_size=30,
        optimizer=SGD(lr=0.1),
        schedule=Piecewise(at=(0.5,)),
        valid=splits().valid,
        early_stopping=EarlyStopping(patience=4),
        checkpoint=tmp_path / "run.ckpt",
    )
    assert [round(epoch["lr"], 6) for epoch in history] == [0.1, 0.1, 0.01, 0.01]
