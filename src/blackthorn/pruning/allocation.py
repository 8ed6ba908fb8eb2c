"""From scores to what is removed: how many, from where, in which order. How the scores were made does not matter."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

import torch
from torch import Tensor

from ..errors import PruningError

Scope = Literal["global", "per_layer"]
Unit = tuple[tuple[str, int], ...]
"""Filters that are removed together: (weight name, filter) each; nearly always one."""


def in_layers(names: Iterable[str], layers: Sequence[str]) -> list[str]:
    """The parameter names that belong to one of `layers`; all of them if `layers` is empty.

    A layer is named as in the model (`fc1`, `features.conv2`) or by a pattern (`fc*`, `features.*`).

    Raises:
        PruningError: an entry of `layers` names no layer; the message says which there are.
    """
    by_name = {name: name.rpartition(".")[0] for name in names}
    if not layers or not by_name:
        return list(by_name)
    for pattern in layers:
        if not any(fnmatchcase(layer, pattern) for layer in by_name.values()):
            raise PruningError(f"layers: '{pattern}' is none that is scored; there are {', '.join(by_name.values())}")
    return [name for name, layer in by_name.items() if any(fnmatchcase(layer, pattern) for pattern in layers)]


def removal_count(count: int, rate: float) -> int:
    """How many of `count` a rate removes, rounded down; binary fractions do no harm: 0.29 of 100 is 29."""
    return math.floor(rate * count + 1e-9)


def smallest(scores: Tensor, ties: Tensor, count: int) -> Tensor:
    """Bool of the shape of `scores`: the `count` smallest, ties by `ties`, then by flat index.

    Equals a stable ascending sort, without sorting: 25 million weights take a fraction of a second.
    """
    flat, other = scores.flatten(), ties.flatten()
    if min(count, len(flat)) <= 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    edge = flat.kthvalue(min(count, len(flat))).values
    removed = flat < edge
    tied = (flat == edge).nonzero().flatten()
    order = torch.argsort(other[tied], stable=True)
    removed[tied[order[: count - int(removed.sum())]]] = True
    return removed.view(scores.shape)


def keep_weights(
    scores: Mapping[str, Tensor], ties: Mapping[str, Tensor], rate: float, *, scope: Scope, floor: int
) -> dict[str, Tensor]:
    """Weight name -> bool, True = keep, with `rate` of all weights (or of each layer's) removed.

    Over all layers together, the `floor` last in rank of each layer stay, and the next in rank of other layers go
    instead. What a larger rate removes includes what a smaller one removes.

    Raises:
        PruningError: the floor does not allow that much; says how much it does.
    """
    check_scores(scores)
    if scope == "per_layer":
        removed = {name: smallest(s, ties[name], removal_count(s.numel(), rate)) for name, s in scores.items()}
        if all(s.numel() - int(removed[name].sum()) >= floor for name, s in scores.items()):
            return {name: ~taken for name, taken in removed.items()}
        reachable = min(max(0, s.numel() - floor) / s.numel() for s in scores.values())
    else:
        sizes = [s.numel() for s in scores.values()]
        flat = torch.cat([s.flatten() for s in scores.values()])
        other = torch.cat([ties[name].flatten() for name in scores])
        count = removal_count(len(flat), rate)
        taken = smallest(flat, other, count)
        if any(int((~part).sum()) < floor for part in torch.split(taken, sizes)):
            free = torch.cat([smallest(s, ties[name], s.numel() - floor).flatten() for name, s in scores.items()])
            taken = torch.zeros_like(free)
            taken[free] = smallest(flat[free], other[free], count)
        if int(taken.sum()) >= count:
            parts = torch.split(taken, sizes)
            return {name: ~part.view(s.shape) for (name, s), part in zip(scores.items(), parts)}
        reachable = int(taken.sum()) / len(flat)
    raise PruningError(_too_much(rate, floor, "weights", reachable))


def _too_much(rate: float, floor: int, units: str, reachable: float) -> str:
    return (
        f"sparsity {rate:g} cannot be reached: with floor={floor} {units} kept in each layer at most "
        f"{math.floor(1000 * reachable + 1e-9) / 1000:g} can go; write a sparsity of at most that, or a lower floor"
    )


@dataclass
class Budget:
    """Counts what filters cost; `spent` after each `take` is compared with the target of the rate."""

    total: int
    take: Callable[[Unit], int]
    """Remove a unit; returns how much that costs."""
    exact: bool
    """True: never exceed the target (filters). False: stop once it is reached (weights)."""


def drop_units(
    units: Sequence[Unit], counts: Mapping[str, int], rate: float, budget: Budget, *, floor: int
) -> list[Unit]:
    """Take units in the given order until the rate is spent; skip what would leave a layer below `floor`
    filters.

    What a larger rate removes includes what a smaller one removes.

    Raises:
        PruningError: the floor does not allow that much; says how much it does.
    """
    kept = dict(counts)
    target = removal_count(budget.total, rate) if budget.exact else rate * budget.total - 1e-9
    dropped: list[Unit] = []
    spent = 0
    for unit in units:
        if spent >= target or (budget.exact and spent + len(unit) > target):
            return dropped
        takes = {name: sum(one == name for one, _ in unit) for name, _ in unit}
        if any(kept[name] - take < floor for name, take in takes.items()):
            continue
        for name, take in takes.items():
            kept[name] -= take
        spent += budget.take(unit)
        dropped.append(unit)
    if spent < target:
        raise PruningError(_too_much(rate, floor, "filters", spent / budget.total))
    return dropped


def check_scores(scores: Mapping[str, Tensor]) -> None:
    """Refuse scores that cannot be ranked.

    Raises:
        PruningError: there are none, or one is nan.
    """
    if not scores:
        raise PruningError("there is nothing to prune: the criterion scores no layer of this network")
    for name, layer in scores.items():
        if layer.isnan().any():
            raise PruningError(f"scores of '{name}' are nan; has training of this network diverged?")
