"""What people know from PyTorch, taken by `fit` as it is: losses of logits and labels, and optimisers made already."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import TrainingError
from ..models import ParameterGroup
from ..objectives import Loss
from .optimizers import AnyOptimizer
from .schedules import AnySchedule

Objective = Callable[[nn.Module, Tensor, Tensor], Loss]

_FUNCTIONAL = "torch.nn.functional"


@dataclass(frozen=True)
class OfLogits:
    """A loss of logits and labels, such as `nn.CrossEntropyLoss(label_smoothing=0.1)`, as an objective."""

    loss: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor) -> Loss:
        """Loss at images `x` (batch, channels, height, width) in [0, 1] with labels `y` (batch,).

        Raises:
            TrainingError: the loss gives something else than one number.
        """
        logits = model(x).float()
        total = self.loss(logits, y)
        if total.dim():
            raise TrainingError(
                f"objective: {type(self.loss).__name__} gives {tuple(total.shape)} numbers; write reduction='mean'"
            )
        with torch.no_grad():
            accuracy = (logits.argmax(1) == y).float().mean()
        return Loss(total, {"loss": total.detach(), "accuracy": accuracy})


@dataclass(frozen=True)
class Given:
    """A torch optimiser that was made already, in the place of one of `blackthorn.training`."""

    made: torch.optim.Optimizer
    bounded: bool = False

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={held!r}" for name, held in self.made.defaults.items())
        return f"torch.optim.{type(self.made).__name__}({options})"

    @property
    def lr(self) -> float:
        """The rate that it was made with."""
        return float(self.made.defaults["lr"])

    def build(self, parameters: Iterable[nn.Parameter], groups: Iterable[ParameterGroup] = ()) -> torch.optim.Optimizer:
        """The optimiser itself.

        Raises:
            TrainingError: it moves other parameters than the network's, or modules ask for rates of their own.
        """
        moved = {id(one) for group in self.made.param_groups for one in group["params"]}
        if not moved <= {id(one) for one in parameters}:
            raise TrainingError("optimizer: it moves parameters of another network; make it from model.parameters()")
        if any(True for _ in groups):
            raise TrainingError(
                "optimizer: modules of this network ask for rates of their own; write optimizer=Adam(lr=1e-3) of "
                "blackthorn.training, which knows them"
            )
        return self.made


def as_objective(given: Any) -> Objective:
    """The objective that is meant.

    Raises:
        TrainingError: a class instead of an instance.
    """
    if isinstance(given, type):
        raise TrainingError(f"objective: {given.__name__} is a class; write {given.__name__}()")
    if isinstance(given, nn.Module) or getattr(given, "__module__", None) == _FUNCTIONAL:
        return OfLogits(given)
    if not callable(given):
        raise TrainingError(
            f"objective: got {given!r}; write blackthorn.objectives.CrossEntropy(), nn.CrossEntropyLoss(), or a "
            "function of model, x and y that returns a Loss"
        )
    return given  # type: ignore[no-any-return]  # a person's function


def as_optimizer(given: Any) -> AnyOptimizer | Given | None:
    """The optimiser that is meant.

    Raises:
        TrainingError: something that is none, with what to write instead.
    """
    if given is None or (hasattr(given, "build") and hasattr(given, "kind")):
        return given  # type: ignore[no-any-return]
    if isinstance(given, torch.optim.Optimizer):
        return Given(given)
    if inspect.isclass(given) and issubclass(given, torch.optim.Optimizer):
        name = given.__name__
        raise TrainingError(f"optimizer: {name} is a class; write torch.optim.{name}(model.parameters(), lr=1e-3)")
    raise TrainingError(f"optimizer: got {repr(given)[:100]}; write optimizer=blackthorn.training.Adam(lr=1e-3)")


def as_schedule(given: Any) -> AnySchedule | None:
    """The schedule that is meant.

    Raises:
        TrainingError: a scheduler of torch, which counts steps of its own; with what to write instead.
    """
    if given is None or hasattr(given, "kind"):
        return given  # type: ignore[no-any-return]
    if not isinstance(given, torch.optim.lr_scheduler.LRScheduler):
        raise TrainingError(f"schedule: got {given!r}; write blackthorn.training.Cosine()")
    same = {
        "CosineAnnealingLR": "Cosine()",
        "OneCycleLR": "Cosine(warmup=0.3)",
        "MultiStepLR": "Piecewise(at=[0.5, 0.75], factor=0.1)",
        "StepLR": "Piecewise(at=[0.5, 0.75], factor=0.1)",
    }
    name = type(given).__name__
    raise TrainingError(
        f"schedule: torch's {name} counts steps of its own; write blackthorn.training.{same.get(name, 'Cosine()')}, "
        "whose milestones are fractions of the run"
    )
