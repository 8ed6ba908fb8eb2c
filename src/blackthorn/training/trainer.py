"""The one trainer: minimise an objective on batches of images, subject to constraints.

Adversarial training, quadratic costs and Bayesian pruning are objectives; held masks and ADMM are constraints.
There are no subclasses and no callbacks. The same seed gives the same weights, whether or not the run was
interrupted.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..attacks.precision import resolve_for
from ..data import Augmentation, ImageSet, batches, to_float
from ..errors import BundleError, TrainingError
from ..objectives import Loss
from ..speed.denormals import flushed
from ..speed.precision import Chosen, Precision, arithmetic
from ..types import Progress
from . import checkpoint as checkpoints
from .constraint import Constraint
from .early_stopping import EarlyStopping
from .optimizers import Adam, AnyOptimizer
from .schedules import AnySchedule, Constant

Objective = Callable[[nn.Module, Tensor, Tensor], Loss]
Epoch = dict[str, float]
"""Means over one epoch: `loss`, `accuracy` and the objective's other parts, plus `lr` and, with early stopping,
`valid`.
"""

_PATIENCE_AT_CHANCE = 3  # epochs; PGD training from scratch sits at chance for a good part of its first
_SHOWN_EVERY = 10  # steps between reports of progress; a report waits for the device too
_WATCHED_EVERY = 50  # steps between looks at whether the loss is finite; a look waits for the device


@dataclass
class _Run:
    """What a checkpoint must hold: everything that changes while training, and the settings that must not."""

    settings: dict[str, str]
    model: nn.Module
    optimizer: torch.optim.Optimizer
    constraints: Sequence[Constraint]
    precision: Chosen
    history: list[Epoch]
    best: dict[str, Tensor] | None = None
    best_epoch: int = -1


def fit(
    model: nn.Module,
    images: ImageSet,
    objective: Objective,
    *,
    epochs: int,
    batch_size: int = 128,
    optimizer: AnyOptimizer | None = None,
    schedule: AnySchedule | None = None,
    augment: Sequence[Augmentation] = (),
    constraints: Sequence[Constraint] = (),
    valid: ImageSet | None = None,
    early_stopping: EarlyStopping | None = None,
    precision: Precision = "auto",
    seed: int = 0,
    stop_at_chance: bool = True,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> list[Epoch]:
    """Train `model` in place, on the device where it is, and return the history.

    Args:
        model: any network from images in [0, 1] to logits.
        images: the training split.
        objective: a value of `blackthorn.objectives`, or any `f(model, x, y) -> Loss`.
        epochs: passes over `images`.
        batch_size: images in a step; the last step of an epoch takes what is left.
        optimizer: Adam at 1e-3 by default.
        schedule: factor on the learning rate by fraction of the run; constant by default.
        augment: applied to each batch in order, such as `[Crop(pad=4), Flip()]`.
        constraints: where the weights must live, such as `blackthorn.pruning.Hold(masks)`.
        valid: images for `early_stopping`.
        early_stopping: keep the weights of the best epoch instead of the last.
        precision: `auto` times both on this network; weights stay in float32 in any case.
        seed: of data order, augmentation, dropout and random starts. torch's own generator is left as it was.
        stop_at_chance: stop when training accuracy is no better than guessing after 3 epochs, or at the end.
        checkpoint: file to write after each epoch and to resume from, bit for bit, when it exists.
        progress: called with (text, steps done, steps) every few steps.

    Raises:
        TrainingError: the loss is not finite, or the network learns nothing.
        BundleError: `checkpoint` exists and is not a checkpoint of this run.
        StoreError: `checkpoint` cannot be written.
    """
    if early_stopping is not None and (valid is None or not len(valid)):
        raise TrainingError(
            "early stopping needs a validation split; load the data with valid=0.1, or leave early_stopping out"
        )
    if not len(images):
        raise TrainingError("there are no images to train on; give a split that is not empty")
    device = next(model.parameters()).device
    images = images.to(device)
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda), flushed():
        torch.manual_seed(seed)
        chosen = resolve_for(precision, model, to_float(images.x[:batch_size]))
        torch.manual_seed(seed)
        optimizer, schedule = optimizer or Adam(), schedule or Constant()
        learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        settings = {
            "seed": str(seed),
            "epochs": str(epochs),
            "batch_size": str(batch_size),
            "objective": repr(objective) if hasattr(objective, "kind") else "",  # a function has no lasting name
            "optimizer": repr(optimizer),
            "schedule": repr(schedule),
            "augment": repr(list(augment)),
            "early_stopping": repr(early_stopping),
            "precision": precision,
        }
        run = _Run(settings, model, optimizer.build(learning), constraints, chosen, [])
        if checkpoint is not None and checkpoint.exists():
            _restore(run, checkpoint)
        for epoch in range(len(run.history), epochs):
            if _out_of_patience(run, early_stopping):
                break

            def rate(step: int, steps: int, epoch: int = epoch) -> float:
                return optimizer.lr * schedule((epoch + step / steps) / epochs)

            order = batches(images, batch_size, seed=seed, epoch=epoch, augment=augment, device=device)
            means = _train_epoch(
                run, objective, order, math.ceil(len(images) / batch_size), rate, epoch, epochs, progress
            )
            _refuse_not_finite(
                model.parameters(), f"weights are not finite after epoch {epoch + 1} of {epochs}", means["lr"]
            )
            for constraint in constraints:
                constraint.after_epoch(model, epoch)
            if early_stopping is not None and valid is not None:
                means["valid"] = early_stopping.score(model, valid, precision=run.precision)
                if means["valid"] > max((past["valid"] for past in run.history), default=-1.0):
                    run.best = {name: value.detach().clone() for name, value in model.state_dict().items()}
                    run.best_epoch = epoch
            run.history.append(means)
            if stop_at_chance:
                _refuse_chance(run.history, images, epochs, means["lr"])
            if checkpoint is not None:
                checkpoints.save(checkpoint, _state(run))
        if run.best is not None:
            model.load_state_dict(run.best)
    return run.history


def _train_epoch(
    run: _Run,
    objective: Objective,
    order: Any,
    steps: int,
    rate: Callable[[int, int], float],
    epoch: int,
    epochs: int,
    progress: Progress | None,
) -> Epoch:
    run.model.train()
    sums: dict[str, Tensor] = {}
    seen = 0
    lr = rate(0, steps)
    for step, (x, y) in enumerate(order):
        lr = rate(step, steps)
        for group in run.optimizer.param_groups:
            group["lr"] = lr
        with arithmetic(run.precision, x.device):
            loss = objective(run.model, x, y)
        total = loss.total
        for constraint in run.constraints:
            penalty = constraint.penalty(run.model)
            total = total if penalty is None else total + penalty
        if step % _WATCHED_EVERY == 0 or step == steps - 1:
            where = f"the loss is {total.item():g} in epoch {epoch + 1} of {epochs}, step {step + 1} of {steps}"
            _refuse_not_finite([total], where, lr)
        run.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        run.optimizer.step()
        for constraint in run.constraints:
            constraint.after_step(run.model)
        seen += len(y)
        for name, part in loss.parts.items():
            sums[name] = sums.get(name, torch.zeros((), device=x.device)) + part * len(y)
        if progress is not None and (step % _SHOWN_EVERY == 0 or step == steps - 1):
            accuracy = f" accuracy {sums['accuracy'].item() / seen:.1%}" if "accuracy" in sums else ""
            progress(f"epoch {epoch + 1}/{epochs}{accuracy}", epoch * steps + step + 1, epochs * steps)
    return {name: (value / seen).item() for name, value in sums.items()} | {"lr": lr}


def _refuse_not_finite(numbers: Iterable[Tensor], where: str, lr: float) -> None:
    if not all(bool(torch.isfinite(number).all()) for number in numbers):
        raise TrainingError(f"{where}: training has blown up; lower the learning rate (now {lr:g})")


def _refuse_chance(history: list[Epoch], images: ImageSet, epochs: int, lr: float) -> None:
    if "accuracy" not in history[-1] or len(history) < min(_PATIENCE_AT_CHANCE, epochs):
        return
    guess = images.y.bincount().max().item() / len(images)
    # Three deviations of a guesser's accuracy, so that a small set is not condemned by luck.
    limit = guess + 3 * math.sqrt(guess * (1 - guess) / len(images))
    if max(past["accuracy"] for past in history) <= limit:
        raise TrainingError(
            f"accuracy is {history[-1]['accuracy']:.1%} after {len(history)} epochs, no better than "
            f"guessing ({guess:.1%}): lower the "
            f"learning rate (now {lr:g}), train longer, start from a trained network, or set stop_at_chance: false"
        )


def _out_of_patience(run: _Run, early_stopping: EarlyStopping | None) -> bool:
    if early_stopping is None or early_stopping.patience is None or run.best is None:
        return False
    return len(run.history) - 1 - run.best_epoch >= early_stopping.patience


def _state(run: _Run) -> dict[str, Any]:
    return {
        "settings": run.settings,
        "model": run.model.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "constraints": [dict(constraint.state_dict()) for constraint in run.constraints],
        "precision": run.precision,
        "history": run.history,
        "best": run.best,
        "best_epoch": run.best_epoch,
        "generator": torch.get_rng_state(),
        "cuda_generators": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _restore(run: _Run, path: Path) -> None:
    state = checkpoints.load(path)
    _refuse_another_run(run, state, path)
    try:
        run.model.load_state_dict(state["model"])
        run.optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError):  # torch lists every tensor that does not fit, on as many lines
        raise BundleError(f"{path}: a checkpoint of another network; delete it to train from the start") from None
    for constraint, held in zip(run.constraints, state["constraints"]):
        constraint.load_state_dict(held)
    run.precision, run.history = state["precision"], state["history"]
    run.best, run.best_epoch = state["best"], state["best_epoch"]
    torch.set_rng_state(state["generator"])
    if state["cuda_generators"]:
        torch.cuda.set_rng_state_all(state["cuda_generators"])


def _refuse_another_run(run: _Run, state: dict[str, Any], path: Path) -> None:
    """A run that went on from another one's checkpoint would end at weights that no single run gives."""
    now, then = dict(run.settings), dict(state["settings"])
    now["constraints"], then["constraints"] = str(len(run.constraints)), str(len(state["constraints"]))
    for name, setting in now.items():
        if setting != then.get(name):
            raise BundleError(
                f"{path}: {name} is {setting} here and {then.get(name)} in the checkpoint; delete it to train from the "
                "start, or set it back to go on"
            )
