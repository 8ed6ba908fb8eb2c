"""Which filters a pruning removes, and what must be zeroed together with them."""

import warnings
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from ..channels.trace import OUTPUT, Trace, trace
from ..errors import PruningError
from .allocation import Budget, Unit, check_scores, drop_units
from .layers import filter_axes, magnitude_like, prunable_weights
from .masks import Masks, masked
from .pruning import Pruning
from .vanishing import Vanishing


def free_scores(found: Trace, scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The scores of the layers that can lose filters; a warning names the others, except the one that makes the logits.

    Layers some of whose filters must stay are among them; `filters_to_remove` keeps those.

    Raises:
        PruningError: no layer can.
    """
    makers = {use.weight: use.out for use in found.uses}
    free: dict[str, Tensor] = {}
    bound: dict[str, str] = {}
    partly: list[str] = []
    for name, layer in scores.items():
        if name in makers:
            reason = None if found.free(makers[name]).any() else found.reason(makers[name])
        elif _module(name) in found.followers:  # depthwise: such a filter goes with its channel
            continue
        else:
            reason = found.stuck.get(name, "is never called")
        if reason is None:
            free[name] = layer.detach().to("cpu", torch.float32)
            stay = int((~found.free(makers[name])).sum())
            if stay:
                partly.append(
                    f"{stay} of {len(layer)} filters of '{_module(name)}', one of which {found.reason(makers[name])}"
                )
        elif reason != OUTPUT:
            bound[name] = reason
    named = "; ".join(f"'{_module(name)}' {reason}" for name, reason in bound.items())
    if partly:
        warnings.warn(f"left whole: {'; '.join(partly)}", stacklevel=3)
    if bound and free:
        warnings.warn(f"left whole and out of the ranking: {named}", stacklevel=3)
    if not free:
        others = [name for name, units in makers.items() if name not in scores and found.free(units).any()]
        hint = "; hidden linear layers can lose units: give the criterion include_linear=True" if others else ""
        raise PruningError(f"no filters can be pruned: {named or 'no convolution makes any that can go'}{hint}")
    check_scores(free)
    return free


def filters_to_remove(model: nn.Module, found: Trace, scores: Mapping[str, Tensor], pruning: Pruning) -> list[Unit]:
    """The filters that a pruning removes, lowest score first.

    Raises:
        PruningError: the floor does not allow that many, or the budget does not go with the scope.
    """
    by_params, each_layer = pruning.budget == "params", pruning.scope == "per_layer"
    if by_params and each_layer:
        raise PruningError("budget='params' counts over the whole network; write scope='global' with it")
    weights, axes = prunable_weights(model), filter_axes(model)
    ties = {name: magnitude_like(weights[name], layer, axes.get(name, 0)).cpu() for name, layer in scores.items()}
    counts = {name: len(layer) for name, layer in scores.items()}
    parts: dict[object, list[Unit]] = {}
    for unit in _ranked(found, scores, ties, coupled=pruning.coupled):
        part = frozenset(name for name, _ in unit) if each_layer else None
        parts.setdefault(part, []).append(unit)
    dropped: list[Unit] = []
    for units in parts.values():
        limit = Budget(total=sum(map(len, units)), take=len, exact=True)
        if by_params:
            vanishing = Vanishing(found, weights)
            limit = Budget(total=vanishing.total, take=vanishing.take, exact=False)
        dropped += drop_units(units, counts, pruning.sparsity, limit, floor=pruning.floor)
    for name, count in counts.items():
        if count == sum(one == name for unit in dropped for one, _ in unit):
            warnings.warn(f"'{_module(name)}' keeps no filter: nothing passes through it", stacklevel=3)
    return dropped


def filter_masks(model: nn.Module, scored: Iterable[str], dropped: Iterable[Unit], example: Tensor) -> Masks:
    """Masks that remove filters, their biases, and the norms and depthwise filters whose input is then always zero."""
    parameters, axes = dict(model.named_parameters()), filter_axes(model)
    keep = {name: torch.ones_like(parameters[name], dtype=torch.bool) for name in scored}
    for name, filter_ in (one for unit in dropped for one in unit):
        keep[name].select(axes.get(name, 0), filter_).fill_(False)
        bias = f"{_module(name)}.bias"
        if bias in parameters:
            keep.setdefault(bias, torch.ones_like(parameters[bias], dtype=torch.bool))[filter_] = False
    with masked(model, Masks(keep)):
        idles = trace(model, example, bury=True).idle
    for name, (axis, idle) in idles.items():
        if idle.any():
            keep[name] = torch.ones_like(parameters[name], dtype=torch.bool)
            keep[name].transpose(0, axis)[idle.to(keep[name].device)] = False
    return Masks(keep)


def _ranked(found: Trace, scores: Mapping[str, Tensor], ties: Mapping[str, Tensor], *, coupled: bool) -> list[Unit]:
    """Units in ascending order of their mean score; equal ones by mean weight, then by their place in the network."""
    makers = {use.weight: use.out for use in found.uses if use.weight in scores}
    units: dict[object, list[tuple[str, int]]] = {}
    for name, out in makers.items():
        together = found.root[out]
        for filter_ in found.free(out).nonzero().flatten().tolist():
            units.setdefault(int(together[filter_]) if coupled else (name, filter_), []).append((name, filter_))
    listed = {name: (scores[name].tolist(), ties[name].tolist()) for name in makers}

    def rank(unit: Unit) -> tuple[float, float]:
        score, tie = zip(*((listed[name][0][f], listed[name][1][f]) for name, f in unit))
        return sum(score) / len(unit), sum(tie) / len(unit)

    return sorted(map(tuple, units.values()), key=rank)  # sorted() is stable


def _module(parameter: str) -> str:
    return parameter.rpartition(".")[0]
