"""Trainings that several ranks do together, or one alone: what each gives is compared."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from blackthorn.attacks import APGD, FGSM, PGD
from blackthorn.data import Crop, Flip
from blackthorn.models import Gaussian
from blackthorn.objectives import (
    Adversarial,
    AdversarialPruning,
    BayesianPruning,
    CrossEntropy,
    IntervalBound,
    LinearQuadratic,
    Loss,
    Trades,
    Variational,
)
from blackthorn.pruning import ADMM, Hold, Magnitude, prune
from blackthorn.speed.ranks import alone, ranks
from blackthorn.training import SGD, Adam, Cosine, EarlyStopping, Epoch, fit

from .networks import forgetful, gated, images, residual, scaled, small, splits

BATCH, IMAGES = 21, 64  # batches of 21, 21, 21 and 1: parts are unequal, and of the last one rank has none
PGD_2 = PGD(eps=0.1, steps=2)


class Double(nn.Module):
    """A network that computes in float64."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.double()

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network(x.double())
        return logits


def norm_free(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 36, 4))


def without_bound(model: nn.Module, x: Tensor, y: Tensor) -> Any:
    return Adversarial(attack=PGD(norm="l2", eps=0.5, steps=2, random_start=True))(model, x, y)


TRAININGS: dict[str, dict[str, Any]] = {
    "clean": {"optimizer": Adam(lr=0.01, weight_decay=1e-2), "schedule": Cosine()},
    "squared": {"objective": LinearQuadratic(output_activation="softmax"), "augment": [Crop(pad=1), Flip()]},
    "torch's loss": {"objective": nn.CrossEntropyLoss(label_smoothing=0.1)},
    "dropout": {"network": forgetful},
    "fgsm": {"objective": Adversarial(attack=FGSM(eps=0.1), label="predicted")},
    "pgd": {"objective": Adversarial(attack=PGD_2, eps_sampling="truncated_gaussian", clean_weight=0, adv_weight=1)},
    "l2": {"objective": without_bound},
    "apgd": {"objective": Adversarial(attack=APGD(eps=0.1, steps=3))},
    "vulnerability": {"network": forgetful, "objective": Adversarial(attack=PGD_2, vulnerability=0.1)},
    "trades": {"objective": Trades(eps=0.1, steps=2)},
    "interval bound": {"network": norm_free, "objective": IntervalBound(eps=0.02, on=Adversarial(attack=PGD_2))},
    "variational": {
        "network": lambda: Gaussian(norm_free(), rho=-3.0),
        "objective": Variational(on=Adversarial(attack=PGD_2)),
    },
    "bayesian pruning": {"network": residual, "objective": BayesianPruning(kl_weight=2)},
    "adversarial pruning": {
        "network": gated,
        "objective": AdversarialPruning(weights=Adversarial(attack=PGD_2, vulnerability=0.1), kl_weight=4),
    },
    "groups": {"network": scaled, "optimizer": Adam(lr=0.01, weight_decay=1e-3)},
    "held": {"constraints": lambda model: [Hold(prune(model, Magnitude(), sparsity=0.6))]},
    "admm": {"constraints": lambda model: [ADMM(sparsity=0.6, period=1, rho=0.1)(model)]},
    "early stopping": {"early_stopping": EarlyStopping(attack=PGD_2), "optimizer": SGD(lr=0.3)},
}


@dataclass(frozen=True)
class Trained:
    weights: dict[str, Tensor]
    history: list[Epoch]
    said: int
    """How often progress was told."""
    left: Tensor
    """Random numbers that are drawn afterwards."""


def train(
    name: str, *, exact: bool = True, checkpoint: Path | None = None, die_after: int | None = None, **given: Any
) -> Trained:
    """One of the trainings; `exact` computes everything in float64. It may die after so many steps."""
    settings = {"optimizer": SGD(lr=0.05, momentum=0.9), "sync_batchnorm": True, "seed": 3, **TRAININGS[name]} | given
    network: Callable[[], nn.Module] = settings.pop("network", small)
    constrained = settings.pop("constraints", lambda model: [])
    objective = settings.pop("objective", CrossEntropy())
    if die_after is not None:
        objective = Dying(objective, die_after, getattr(objective, "gated", False))
    told: list[str] = []
    with in_float64() if exact else in_float32():
        model = Double(network()) if exact else network()
        history = fit(
            model, images().subset(slice(IMAGES)), objective, constraints=constrained(model), valid=splits().valid,
            precision="float32", stop_at_chance=False, checkpoint=checkpoint,
            progress=lambda text, done, total: told.append(text), **{"epochs": 2, "batch_size": BATCH} | settings,
        )  # fmt: skip
    weights = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    return Trained(weights, history, len(told), torch.rand(3))


@dataclass
class Dying:
    """An objective that fails on every rank after so many steps."""

    objective: Any
    steps: int
    gated: bool

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Any:
        self.steps -= 1
        if self.steps < 0:
            raise TimeoutError
        return self.objective(model, x, y)


def train_alone(name: str) -> Trained:
    """On each rank by itself."""
    with alone():
        return train(name)


def train_otherwise() -> Trained:
    """With a seed that differs from rank to rank."""
    return train("clean", seed=ranks().rank)


def train_from_other_weights(name: str) -> Trained:
    """The ranks begin with other weights, and so with other masks."""
    network = TRAININGS[name].get("network", small)
    return train(name, network=lambda: network(ranks().rank))


def blow_up(where: int) -> Trained:
    """A loss that is not finite, on one rank only."""

    def objective(model: nn.Module, x: Tensor, y: Tensor) -> Any:
        loss = CrossEntropy()(model, x, y)
        return Loss(loss.total / 0 if ranks().rank == where else loss.total, loss.parts)

    return train("clean", objective=objective)


def die(where: int) -> Trained:
    """One rank ends in the middle of an epoch."""

    def objective(model: nn.Module, x: Tensor, y: Tensor) -> Any:
        if ranks().rank == where:
            os._exit(1)
        return CrossEntropy()(model, x, y)

    return train("clean", objective=objective)


@contextmanager
def in_float64() -> Iterator[None]:
    """Within: what torch calls float has 64 bits, so that sums in another order differ in the 16th digit only."""
    before = torch.Tensor.float
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.Tensor.float = before  # type: ignore[method-assign]


@contextmanager
def in_float32() -> Iterator[None]:
    yield


def apart(one: Trained, other: Trained) -> float:
    """The largest difference of two trainings' weights and histories, relative to the largest number of each."""
    found = 0.0
    assert one.weights.keys() == other.weights.keys() and len(one.history) == len(other.history)
    for key, tensor in one.weights.items():
        size = max(1e-3, tensor.double().abs().max().item())
        found = max(found, (tensor.double() - other.weights[key].double()).abs().max().item() / size)
    for mine, theirs in zip(one.history, other.history):
        assert mine.keys() == theirs.keys()
        found = max(found, *(abs(mine[key] - theirs[key]) / max(1.0, abs(mine[key])) for key in mine))
    return found
