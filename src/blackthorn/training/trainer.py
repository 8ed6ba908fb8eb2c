"""The one trainer: minimise an objective on batches of images, subject to constraints.

Adversarial training, quadratic costs and Bayesian pruning are objectives; held masks and ADMM are constraints.
There are no subclasses and no callbacks. The same seed gives the same weights, whether or not the run was
interrupted; and to rounding, whether one process trains or several ranks share every batch.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from ..attacks.precision import resolve_for
from ..data import Augmentation, Images, as_images, batches
from ..errors import TrainingError
from ..gates import GATES
from ..models import ParameterGroup, device_of, parameter_groups
from ..models.layout import channels_last
from ..objectives import Loss
from ..speed.denormals import flushed
from ..speed.memory import keep_freed_memory
from ..speed.precision import Precision, arithmetic
from ..speed.ranks import Part, ranks
from ..types import Logger, Progress
from .constraint import Constraint
from .early_stopping import EarlyStopping
from .habits import Objective, as_objective, as_optimizer, as_schedule
from .hopeless import Outlook, refuse_chance, refuse_closed_gates, refuse_open_gates
from .minimised import Minimised, Share, backward
from .optimizers import Adam, AnyOptimizer
from .run import Epoch, Run
from .schedules import AnySchedule, Constant
from .sharing import Sharing

_BATCH = 128  # images in a step
_SHOWN_EVERY = 10  # steps between reports of progress; a report waits for the device too
_WATCHED_EVERY = 50  # steps between looks at whether the loss is finite; a look waits for the device


def fit(
    model: nn.Module,
    images: Images,
    objective: Objective | nn.Module,
    *,
    epochs: int,
    batch_size: int | None = None,
    optimizer: AnyOptimizer | torch.optim.Optimizer | None = None,
    schedule: AnySchedule | None = None,
    augment: Sequence[Augmentation] = (),
    constraints: Sequence[Constraint] = (),
    valid: Images | None = None,
    early_stopping: EarlyStopping | None = None,
    precision: Precision = "auto",
    sync_batchnorm: bool = False,
    seed: int = 0,
    device: torch.device | str | None = None,
    stop_at_chance: bool = True,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    logger: Logger | None = None,
) -> list[Epoch]:
    """Train `model` in place, on the device where it is, and return the history.

    Where torch's process group is initialised, its ranks train the network together: each calls `fit` with the same
    arguments, works on its part of every batch, and ends with the same weights and history, which are to rounding those
    of one process. The first rank's weights are where all begin, and it alone writes, logs and reports.

    Args:
        model: any network from images in [0, 1] to logits.
        images: the training split; or tensors (x, y), a `Dataset` of (image, label), or a `DataLoader` of one, which
            are read into memory once.
        objective: a value of `blackthorn.objectives`, any `f(model, x, y) -> Loss`, or a torch loss of logits and
            labels, such as `nn.CrossEntropyLoss()`.
        epochs: passes over `images`.
        batch_size: images in a step; the last step of an epoch takes what is left. By default that of a `DataLoader`,
            else 128.
        optimizer: Adam at 1e-3 by default; or a torch optimiser of the network's parameters. Modules of the network may
            ask for learning rates and weight decays of their own: see `blackthorn.models.ParameterGroup`.
        schedule: factor on every learning rate by fraction of the run; constant by default.
        augment: applied to each batch in order, such as `[Crop(pad=4), Flip()]`.
        constraints: what must hold for the weights, such as `blackthorn.pruning.Hold(masks)`: pruned ones stay zero.
        valid: images for `early_stopping`.
        early_stopping: keep the weights of the best epoch instead of the last.
        precision: arithmetic of forward and backward passes; weights stay in float32 in any case. `auto` times both
            on this network, so name one of the two where results must not depend on the machine.
        sync_batchnorm: let batch norms see the whole batch, as with one rank. By default each rank normalises by the
            statistics of its own part, as is usual, and running statistics are averaged.
        seed: of data order, augmentation, dropout and random starts. torch's own generator is left as it was.
        device: move the network there first; by default it stays where it is.
        stop_at_chance: stop when training accuracy is no better than guessing after 3 epochs, or at the end; and,
            where the objective trains gates, when none can close within the run, or when they have cut the network
            through.
        checkpoint: file to write after each epoch and to resume from, bit for bit, when it exists.
        progress: called with (text, steps done, steps) every few steps.
        logger: its `log_metrics(means, epoch)` is called after each epoch; `mlflow` is one, and lightning's are.

    Raises:
        TrainingError: the loss is not finite, or the training cannot lead anywhere (`stop_at_chance`).
        ModelError: modules of the network ask for parameter groups that cannot be.
        BundleError: `checkpoint` exists and is not a checkpoint of this run.
        StoreError: `checkpoint` cannot be written.
        RanksError: ranks were not given the same, or one of them has ended.
    """
    objective, schedule = as_objective(objective), as_schedule(schedule) or Constant()
    mover = as_optimizer(optimizer) or Adam()
    if batch_size is None:
        batch_size = int(getattr(images, "batch_size", None) or _BATCH)
    images, valid = as_images(images), None if valid is None else as_images(valid)
    if device is not None:
        model.to(device)
    if early_stopping is not None and (valid is None or not len(valid)):
        raise TrainingError(
            "early stopping needs a validation split; load the data with valid=0.1, or leave early_stopping out"
        )
    if not len(images):
        raise TrainingError("there are no images to train on; give a split that is not empty")
    device = device_of(model)
    images = images.to(device)
    example, _ = next(batches(images, batch_size, seed=None))
    groups = parameter_groups(model)
    settings = {
        "seed": str(seed),
        "epochs": str(epochs),
        "batch_size": str(batch_size),
        "objective": repr(objective) if hasattr(objective, "kind") else "",  # a function has no lasting name
        "optimizer": repr(mover),
        "schedule": repr(schedule),
        "augment": repr(list(augment)),
        "early_stopping": repr(early_stopping),
        "sync_batchnorm": "on" if sync_batchnorm else "",
        "parameter_groups": ", ".join(map(_described, groups)),
    }
    sharing = Sharing(ranks(), len(images), batch_size, synced=sync_batchnorm)
    sharing.begin(settings, model, images, constraints)
    together = sharing.ranks
    if not together.first:
        progress = logger = None
    keep_freed_memory()
    generators = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=generators), flushed(), ExitStack() as ordered:
        torch.manual_seed(seed)
        chosen = together.same(lambda: resolve_for(precision, model, example))
        torch.manual_seed(seed)
        learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        run = Run(settings, model, mover.build(learning, groups), constraints, chosen)
        minimised = Minimised(learning, groups, len(images))
        rates = _Rates(run.optimizer, mover.lr, schedule)
        steps = _Steps(run, objective, minimised, rates, epochs, sharing, mover.bounded, progress)
        if checkpoint is not None:
            run.restore(checkpoint, precision, together)
        with arithmetic(run.precision, device):  # which decides in what order weights are best kept
            ordered.enter_context(channels_last(model, example))
        if stop_at_chance:
            steps.refuse_gates(len(run.history), example)
        for epoch in range(len(run.history), epochs):
            if _out_of_patience(run, early_stopping):
                break
            together.same_start(model, device)
            order = batches(images, batch_size, seed=seed, epoch=epoch, augment=augment, device=device, ranks=together)
            means = steps.epoch(epoch, order)
            for constraint in constraints:
                constraint.after_epoch(model, epoch)
            if early_stopping is not None and valid is not None:
                means["valid"] = together.same(partial(early_stopping.score, model, valid, precision=run.precision))
                run.keep_if_best(epoch, means["valid"])
            run.history.append(means)
            if logger is not None:
                logger.log_metrics(means, step=epoch + 1)
            if stop_at_chance:
                refuse_chance(run.history, images.y, epochs, mover.lr)
                steps.refuse_gates(epoch + 1, example)
            if checkpoint is not None and together.first:
                run.save(checkpoint)
        if run.best is not None:
            model.load_state_dict(run.best)
    return run.history


class _Rates:
    """The learning rates of an optimiser: each group keeps its own, and the schedule multiplies all of them."""

    def __init__(self, optimizer: torch.optim.Optimizer, lr: float, schedule: AnySchedule) -> None:
        # A checkpoint that is loaded later sets the rates of its last step, so they are noted before.
        self._groups = [(number, group["lr"]) for number, group in enumerate(optimizer.param_groups)]
        self.lr = lr
        """As it was asked for: that is what somebody can lower, and not what the schedule has made of it."""
        self._optimizer, self._schedule = optimizer, schedule

    def set(self, progress: float) -> float:
        """Set the rates for a fraction of the run, and return that of parameters that ask for none of their own."""
        factor = self._schedule(progress)
        for number, lr in self._groups:
            self._optimizer.param_groups[number]["lr"] = lr * factor
        return self.lr * factor

    def left(self, parameters: Iterable[nn.Parameter], done: float, steps: int) -> tuple[float, float]:
        """The first rate of these parameters, and the sum of their rates over the `steps` that are left after `done`,
        a fraction of the run; the fastest counts, and 0 stands for none.
        """
        wanted = set(map(id, parameters))
        groups = self._optimizer.param_groups
        lr = max((lr for number, lr in self._groups if wanted & set(map(id, groups[number]["params"]))), default=0.0)
        return lr, lr * sum(self._schedule(done + (1 - done) * step / steps) for step in range(steps))


@dataclass(frozen=True)
class _Steps:
    """The steps of a run, one epoch at a time."""

    run: Run
    objective: Objective
    minimised: Minimised
    rates: _Rates
    epochs: int
    sharing: Sharing
    bounded: bool
    """The optimiser moves a parameter by at most its rate in a step."""
    progress: Progress | None

    def refuse_gates(self, done: int, x: Tensor) -> None:
        """Stop a training of gates that, after `done` epochs, cannot lead anywhere; others go on.

        Raises:
            TrainingError: says what to change.
        """
        if not getattr(self.objective, "gated", False):
            return
        model, when = self.run.model, f"after epoch {done} of {self.epochs}" if done else "before the first epoch"
        refuse_closed_gates(model, x, when)
        if done < self.epochs and self.bounded:
            gates = self.minimised.named(GATES)
            lr, reach = self.rates.left(gates, done / self.epochs, len(self.sharing.parts) * (self.epochs - done))
            if gates:
                refuse_open_gates(model, Outlook(when, lr, reach))

    def epoch(self, epoch: int, order: Iterator[tuple[Tensor, Tensor]]) -> Epoch:
        """Take a step on each batch of `order`, and return the means over all images."""
        model, ranks, steps = self.run.model.train(), self.sharing.ranks, len(self.sharing.parts)
        sums: dict[str, Tensor] = {}
        seen, lr = 0, 0.0
        for step, ((x, y), part) in enumerate(zip(order, self.sharing.parts)):
            lr = self.rates.set((epoch + step / steps) / self.epochs)
            loss, shares = self._forward(x, y, part)
            if step % _WATCHED_EVERY == 0 or step == steps - 1:
                for share in shares:
                    at = f"epoch {epoch + 1} of {self.epochs}, step {step + 1} of {steps}"
                    mean = ranks.add(share.loss.detach() * part.weight)
                    _refuse_not_finite([mean], f"the loss is {mean.item():g} in {at}", self.rates.lr)
            self._update(shares, part)
            seen += part.counted
            for name, mean in loss.parts.items():
                sums[name] = sums.get(name, torch.zeros((), device=x.device)) + mean * part.counted
            if self.progress is not None and (step % _SHOWN_EVERY == 0 or step == steps - 1):
                accuracy = f" accuracy {sums['accuracy'].item() / seen:.1%}" if "accuracy" in sums else ""
                text = f"epoch {epoch + 1}/{self.epochs}{accuracy}"
                self.progress(text, epoch * steps + step + 1, self.epochs * steps)
        where = f"weights are not finite after epoch {epoch + 1} of {self.epochs}"
        _refuse_not_finite(model.parameters(), where, self.rates.lr)
        images = sum(part.images for part in self.sharing.parts)
        return {name: (ranks.add(value) / images).item() for name, value in sums.items()} | {"lr": lr}

    def _forward(self, x: Tensor, y: Tensor, part: Part) -> tuple[Loss, list[Share]]:
        """The objective's loss, and what each parameter minimises, penalties of the constraints included."""
        with arithmetic(self.run.precision, x.device), self.sharing.within(part):
            loss = self.objective(self.run.model, x, y)
        penalties = (constraint.penalty(self.run.model) for constraint in self.run.constraints)
        return loss, self.minimised.shares(loss, [penalty for penalty in penalties if penalty is not None])

    def _update(self, shares: list[Share], part: Part) -> None:
        """One step of the optimiser, after which the constraints put the weights back where they must be."""
        self.run.optimizer.zero_grad(set_to_none=True)
        backward(shares, part.weight)
        self.sharing.exchange(part, self.run.model, self.minimised.learning)
        self.run.optimizer.step()
        for constraint in self.run.constraints:
            constraint.after_step(self.run.model)


def _described(group: ParameterGroup) -> str:
    """What a checkpoint notes about a group: a run that goes on must have the same rates and decays."""
    return f"{len(tuple(group.parameters))} at lr {group.lr} * {group.factor}, weight decay {group.weight_decay}"


def _out_of_patience(run: Run, early_stopping: EarlyStopping | None) -> bool:
    if early_stopping is None or early_stopping.patience is None or run.best is None:
        return False
    return len(run.history) - 1 - run.best_epoch >= early_stopping.patience


def _refuse_not_finite(numbers: Iterable[Tensor], where: str, lr: float) -> None:
    if not all(bool(torch.isfinite(number).all()) for number in numbers):
        raise TrainingError(f"{where}: training has blown up; lower the learning rate (now {lr:g})")
