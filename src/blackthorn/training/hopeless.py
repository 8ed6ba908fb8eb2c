"""When a training is stopped because it cannot lead anywhere, in one line that says what to change."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import TrainingError
from ..gates import Closing, Place, gates_of, places
from ..models import eval_mode
from .run import Epoch

_PATIENCE_AT_CHANCE = 3  # epochs; PGD training from scratch sits at chance for a good part of its first
_REMEDY = "set stop_at_chance: false to go on in any case"


def refuse_chance(history: Sequence[Epoch], labels: Tensor, epochs: int, lr: float) -> None:
    """Refuse a network that guesses; `lr` is the learning rate that was asked for.

    Raises:
        TrainingError: accuracy is that of guessing after three epochs, or at the end.
    """
    if "accuracy" not in history[-1] or len(history) < min(_PATIENCE_AT_CHANCE, epochs):
        return
    guess = labels.bincount().max().item() / len(labels)
    # Three deviations of a guesser's accuracy, so that a small set is not condemned by luck.
    limit = guess + 3 * math.sqrt(guess * (1 - guess) / len(labels))
    if max(past["accuracy"] for past in history) <= limit:
        raise TrainingError(
            f"accuracy is {history[-1]['accuracy']:.1%} after {len(history)} epoch{'s' if len(history) > 1 else ''}, "
            f"no better than guessing ({guess:.1%}): lower the learning rate (now {lr:g}), train longer, start from a "
            "trained network, or set stop_at_chance: false"
        )


@dataclass(frozen=True)
class Outlook:
    """What is left of a run, for gates to close in."""

    when: str
    """Such as "after epoch 2 of 3"."""
    lr: float
    """Learning rate of the gates at the start of the run."""
    reach: float
    """The sum of their learning rates over the steps that are left: Adam moves a parameter by at most its rate in a
    step. Infinite for optimisers that know no such bound."""


def refuse_open_gates(model: nn.Module, outlook: Outlook) -> None:
    """Refuse a run in which no gate is closed, and none can close any more.

    Raises:
        TrainingError: says which rate would be large enough.
    """
    gates = gates_of(model)
    if not gates or not all(isinstance(gate, Closing) for gate in gates):
        return
    away = torch.cat([gate.to_close() for gate in gates if isinstance(gate, Closing)])
    nearest = float(away.min())
    if nearest > outlook.reach:
        enough = f"{outlook.lr * nearest / outlook.reach:.2g}" if outlook.reach else "a larger one"
        raise TrainingError(
            f"no gate is closed {outlook.when} and none can close any more: parameters of gates move by at most their "
            f"learning rate a step, by {outlook.reach:.2g} until the end, and the nearest unit is {nearest:.2g} away: "
            f"give the gates a learning rate above {enough} (now {outlook.lr:g}), train longer, or {_REMEDY}"
        )


def refuse_closed_gates(model: nn.Module, x: Tensor, when: str) -> None:
    """Refuse a network that its gates have cut through: all images have the same logits.

    Args:
        model: left as it was.
        x: two images or more that differ, (batch, channels, height, width) in [0, 1].
        when: as in `Outlook`.
    Raises:
        TrainingError: names a gate all of whose units are closed.
    """
    closed = [place for place in places(model) if not bool(place.gating.learnt.active().any())]
    if not closed or len(x) < 2:
        return
    with eval_mode(model), torch.no_grad():
        logits: Tensor = model(x)
    if bool((logits == logits[:1]).all()):
        raise TrainingError(
            f"every unit {_of(closed[0])} is closed {when}, and all images have the same logits: lower the kl_weight "
            f"of the objective or the learning rate of the gates, or {_REMEDY}"
        )


def _of(place: Place) -> str:
    return f"of {place.layer}" if place.side == "output" else f"at the input of {place.layer}"
