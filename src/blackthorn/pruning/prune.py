"""Prune a network: score, allocate, zero. The one call that recipes and people use."""

import copy
import warnings
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from ..errors import PruningError
from ..models import architecture_of
from ..values import Rate, ValidationError, parse
from .allocation import Budget, Scope, Unit, check_scores, drop_units, keep_weights
from .criterion import Criterion
from .layers import magnitude_like, prunable_weights
from .masks import Masks
from .tracing import OUTPUT, Trace, trace


def prune(
    model: nn.Module,
    criterion: Criterion,
    *,
    sparsity: float | str,
    scope: Scope = "global",
    budget: Literal["filters", "params"] = "filters",
    floor: int = 1,
    coupled: bool = False,
    x: Tensor | None = None,
    y: Tensor | None = None,
) -> Masks:
    """Zero what `criterion` scores lowest, in place, and return the masks that keep it so.

    Removing a filter zeroes its weights and bias, and the gain and shift of every norm whose input is then constantly
    zero: otherwise the norm would emit a constant in its place. A norm on a residual stream is zeroed where all that
    is added there is.

    Args:
        sparsity: fraction to remove, between 0 and 1; "98%" works too.
        scope: one class-blind ranking over the network, or the same rate in each layer.
        budget: what the fraction counts when filters are pruned. "filters": filters in the ranking. "params": all
            convolution and linear weights, counting a filter's own and the weights that read it; filters then go in
            rank order until the fraction is reached.
        floor: filters (or weights) that each layer keeps at least. 0 allows a layer to be emptied, with a warning.
        coupled: filters that an addition ties together get their mean score and go together, so that `shrink` can
            remove residual channels. By default each filter is ranked by itself, as the papers do.
        x: images, for criteria that need data; filter pruning runs the network once on the first. May be left out
            for networks of `blackthorn.models`.
        y: labels of `x`, for criteria that need them.
    Returns:
        Masks of every scored weight and, for filters, of the biases and norms that fall with them.
    Raises:
        PruningError: nothing would change, a layer would be emptied, the rate is impossible, or the network cannot
            be followed.
    Reference:
        Wang et al. 2018, sec. 3.1 (global); Li et al. 2017 (filters).
    """
    rate = _rate(sparsity)
    if floor < 0:
        raise PruningError(f"floor must be 0 or more, got {floor}")
    if scope not in ("global", "per_layer") or budget not in ("filters", "params"):
        raise PruningError(
            f"scope is 'global' or 'per_layer' and budget 'filters' or 'params'; got {scope!r} and {budget!r}"
        )
    if criterion.granularity == "weights":
        scores = criterion(model, x, y)
        weights = prunable_weights(model)
        ties = {name: magnitude_like(weights[name], layer) for name, layer in scores.items()}
        masks = Masks(keep_weights(scores, ties, rate, scope=scope, floor=floor))
    else:
        found = trace(model, example_of(model, x))
        scores = _free_scores(found, criterion(model, x, y))
        dropped = _drop(model, found, scores, rate, scope, budget, floor, coupled)
        masks = _filter_masks(model, found, scores, dropped, example_of(model, x))
    _check_effect(model, masks, rate)
    masks.apply_(model)
    return masks


def example_of(model: nn.Module, x: Tensor | None) -> Tensor:
    """One image to run the network on: the first of `x`, or a grey one of the size its architecture names.

    Raises:
        PruningError: there is neither.
    """
    if x is not None:
        return x[:1]
    about = model.__dict__.get("architecture")
    size = architecture_of(model).get("image_size") if about else None
    channels = architecture_of(model).get("in_channels") if about else None
    sides = (size, size) if isinstance(size, int) else size
    if not isinstance(channels, int) or not isinstance(sides, (list, tuple)):
        raise PruningError(
            f"{type(model).__name__} does not say how large its images are; pass x=, a batch of them"
        )
    device = next(model.parameters()).device
    return torch.full((1, channels, *sides), 0.5, device=device)


def _rate(sparsity: float | str) -> float:
    try:
        rate: float = parse(Rate, sparsity)
    except ValidationError as error:
        reason = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise PruningError(f"sparsity {sparsity!r}: {reason}") from None
    if not 0 < rate < 1:
        removes = "nothing" if rate == 0 else "the whole network"
        raise PruningError(
            f"sparsity {rate:g} removes {removes}; write a fraction between 0 and 1, such as 0.9"
        )
    return rate


def _free_scores(found: Trace, scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Scores of the layers that can lose filters; says which cannot."""
    makers = {use.weight: use.out for use in found.uses}
    free: dict[str, Tensor] = {}
    bound: dict[str, str] = {}
    for name, layer in scores.items():
        ids = makers.get(name)
        if ids is None:
            if name.rpartition(".")[0] not in found.followers:  # depthwise filters fall with their channel
                bound[name] = "is not called as an ordinary layer"
        elif found.free(ids).all():
            free[name] = layer.detach().float().cpu()
        elif (reason := found.reason(ids)) is not None and reason != OUTPUT:
            bound[name] = reason
    if bound:
        named = "; ".join(f"'{name.rpartition('.')[0]}' {reason}" for name, reason in bound.items())
        if not free:
            raise PruningError(f"no filters can be pruned: {named}")
        warnings.warn(f"left whole and out of the ranking: {named}", stacklevel=3)
    if not free:
        raise PruningError(
            "no layer makes filters that can be pruned; for linear layers use FilterNorm(include_linear=True)"
        )
    check_scores(free)
    return free


def _drop(
    model: nn.Module,
    found: Trace,
    scores: Mapping[str, Tensor],
    rate: float,
    scope: Scope,
    budget: str,
    floor: int,
    coupled: bool,
) -> list[Unit]:
    if budget == "params" and scope == "per_layer":
        raise PruningError("budget='params' counts over the whole network; use scope='global' with it")
    weights = prunable_weights(model)
    ties = {name: magnitude_like(weights[name], layer).cpu() for name, layer in scores.items()}
    units = _ranked(found, scores, ties, coupled=coupled)
    counts = {name: len(layer) for name, layer in scores.items()}
    if scope == "global":
        parts = [units]
    else:
        by_layers: dict[frozenset[str], list[Unit]] = {}
        for unit in units:
            by_layers.setdefault(frozenset(name for name, _ in unit), []).append(unit)
        parts = list(by_layers.values())
    dropped: list[Unit] = []
    for part in parts:
        if budget == "params":
            cost = Vanishing(found, weights)
            limit = Budget(total=cost.total, take=cost.take, exact=False)
        else:
            limit = Budget(total=sum(len(unit) for unit in part), take=len, exact=True)
        dropped += drop_units(part, counts, rate, limit, floor=floor)
    emptied = [
        name for name, count in counts.items() if count == sum(n == name for u in dropped for n, _ in u)
    ]
    if emptied:
        warnings.warn(
            f"'{emptied[0].rpartition('.')[0]}' keeps no filter: nothing passes through it", stacklevel=3
        )
    return dropped


def _ranked(
    found: Trace, scores: Mapping[str, Tensor], ties: Mapping[str, Tensor], *, coupled: bool
) -> list[Unit]:
    """Units in ascending order of score, ties by weight and then by place in the network."""
    members: dict[int, list[tuple[str, int]]] = {}
    for use in found.uses:
        if use.weight in scores and not any((use.weight, 0) in unit for unit in members.values()):
            for filter_, r in enumerate(found.root[use.out].tolist()):
                key = r if coupled else len(members) + len(found.root)
                members.setdefault(key, []).append((use.weight, filter_))
    units: list[Unit] = [tuple(unit) for unit in members.values()]

    def mean(of: Mapping[str, Tensor], unit: Unit) -> float:
        return sum(float(of[name][filter_]) for name, filter_ in unit) / len(unit)

    return sorted(units, key=lambda unit: (mean(scores, unit), mean(ties, unit)))  # sorted() is stable


class Vanishing:
    """Counts the weights that vanish with filters: their own, and those that read what no layer writes any more."""

    def __init__(self, found: Trace, weights: Mapping[str, Tensor]) -> None:
        self.total = sum(weight.numel() for weight in weights.values())
        self._root = found.root
        self._outs = {use.weight: use.out for use in found.uses}
        self._kernel = {name: weight[0, 0].numel() for name, weight in weights.items() if weight.dim() > 1}
        self._rows = {name: len(ids) for name, ids in self._outs.items()}
        self._columns = {use.weight: len(use.into) for use in found.uses}
        self._writers: dict[int, int] = {}
        self._readers: dict[int, dict[str, int]] = {}
        self._alone: dict[int, int] = {}
        for ids in self._outs.values():
            for r in found.root[ids].tolist():
                self._writers[r] = self._writers.get(r, 0) + 1
        for use in {use.weight: use for use in found.uses}.values():
            for r, times in zip(*(t.tolist() for t in found.root[use.into].unique(return_counts=True))):
                self._readers.setdefault(r, {})[use.weight] = times
        for name, weight in weights.items():
            if name not in self._outs and (name.rpartition(".")[0]) in found.followers:  # depthwise
                for r in found.root[found.followers[name.rpartition(".")[0]]].tolist():
                    self._alone[r] = self._alone.get(r, 0) + weight[0].numel()

    def take(self, unit: Unit) -> int:
        """Remove filters; how many weights vanish with them."""
        vanished = 0
        for name, filter_ in unit:
            self._rows[name] -= 1
            vanished += self._columns[name] * self._kernel[name]
            r = int(self._root[self._outs[name][filter_]])
            self._writers[r] -= 1
            if self._writers[r] == 0:
                vanished += self._alone.get(r, 0)
                for reader, times in self._readers.get(r, {}).items():
                    self._columns[reader] -= times
                    vanished += times * self._rows[reader] * self._kernel[reader]
        return vanished


def _filter_masks(
    model: nn.Module, found: Trace, scores: Mapping[str, Tensor], dropped: list[Unit], example: Tensor
) -> Masks:
    parameters = dict(model.named_parameters())
    keep = {name: torch.ones_like(parameters[name], dtype=torch.bool) for name in scores}
    biases = {use.weight: use.bias for use in found.uses}
    for name, filter_ in (one for unit in dropped for one in unit):
        keep[name][filter_] = False
        bias = biases[name]
        if bias is not None:
            keep.setdefault(bias, torch.ones_like(parameters[bias], dtype=torch.bool))[filter_] = False
    trial = copy.deepcopy(model)
    Masks(keep).apply_(trial)
    for name, idle in trace(trial, example, bury=True).idle.items():
        if idle.any():
            mask = torch.ones_like(parameters[name], dtype=torch.bool)
            mask[idle.to(mask.device)] = False
            keep[name] = mask
    return Masks(keep)


def _check_effect(model: nn.Module, masks: Masks, rate: float) -> None:
    parameters = dict(model.named_parameters())
    if masks.removed == 0:
        raise PruningError(
            f"sparsity {rate:g} removes nothing: it is less than one of what is ranked; raise it"
        )
    if not any(bool((parameters[name][~mask] != 0).any()) for name, mask in masks.items()):
        raise PruningError(
            f"sparsity {rate:g} changes nothing: the network is already at least that sparse; raise it"
        )
