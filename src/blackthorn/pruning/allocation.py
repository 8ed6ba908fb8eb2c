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
    if count <= 0:
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

    Raises:
        PruningError: a layer would keep fewer than `floor` weights.
    """
    check_scores(scores)
    if scope == "per_layer":
        keep = {name: ~smallest(s, ties[name], removal_count(s.numel(), rate)) for name, s in scores.items()}
    else:
        flat = torch.cat([s.flatten() for s in scores.values()])
        other = torch.cat([ties[name].flatten() for name in scores])
        kept = ~smallest(flat, other, removal_count(len(flat), rate))
        parts = torch.split(kept, [s.numel() for s in scores.values()])
        keep = {name: part.view(s.shape) for (name, s), part in zip(scores.items(), parts)}
    for name, mask in keep.items():
        if int(mask.sum()) < floor:
            raise PruningError(
                f"sparsity {rate:g} empties '{name}'; lower it, write scope='per_layer', or allow it: floor=0"
            )
    return keep


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
        reachable = math.floor(1000 * spent / budget.total) / 1000
        raise PruningError(
            f"sparsity {rate:g} cannot be reached: with floor={floor} filters kept in each layer at most "
            f"{reachable:g} can go; write a sparsity of at most that, or a lower floor"
        )
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
