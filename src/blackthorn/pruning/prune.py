"""Prune a network: score, allocate, zero. The one call that recipes and people use."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ..channels.tracing import trace
from ..errors import PruningError
from ..values import Rate, ValidationError, parse
from .allocation import Scope, chosen, keep_weights
from .criterion import Criterion
from .filters import choose, filter_masks, free_scores
from .layers import magnitude_like, prunable_weights
from .masks import Masks


def prune(
    model: nn.Module,
    criterion: Criterion,
    *,
    sparsity: float | str,
    scope: Scope = "global",
    budget: Literal["filters", "params"] = "filters",
    floor: int = 1,
    coupled: bool = False,
    layers: str | Sequence[str] = (),
    also: Masks | None = None,
    x: Tensor | None = None,
    y: Tensor | None = None,
) -> Masks:
    """Zero what `criterion` scores lowest, in place, and return the masks that keep it so.

    Removing a filter zeroes its weights and bias, and the gain and shift of every norm whose input is then
    constantly zero: otherwise the norm would emit a constant in its place. A norm on a residual stream is
    zeroed where all that is added there is.

    Args:
        model: changed in place.
        criterion: scores weights or filters.
        sparsity: fraction to remove, between 0 and 1; "98%" works too.
        scope: one class-blind ranking over the network, or the same rate in each layer.
        budget: what the fraction counts when filters are pruned. "filters": filters in the ranking.
            "params": all convolution and linear weights, a filter's own and those that read it; filters go
            in rank order until the fraction is reached.
        floor: filters (or weights) that each layer keeps at least. 0 allows a layer to be emptied, with a
            warning where that happens to filters.
        coupled: filters that an addition ties together get their mean score and go together, so that
            `shrink` can remove residual channels. By default each filter is ranked by itself, as in the
            papers.
        layers: prune these layers only, by name or pattern (`fc1`, `features.*`), and leave the others whole; by
            default all. Rates are of what these hold.
        also: masks of other prunings of this network, from `masks_for`, whose weights go too.
        x: images, for criteria that need data; filter pruning runs the network once on the first. May be
            left out for networks of `blackthorn.models`.
        y: labels of `x`, for criteria that need them.
    Returns:
        Masks of every scored weight and, for filters, of the biases and norms that fall with them.
    Raises:
        PruningError: nothing would change, a layer would be emptied, the rate is impossible, or the network
            cannot be followed.
    Reference:
        Wang et al. 2018, sec. 3.1 (global); Li et al. 2017 (filters).
    """
    masks = masks_for(
        model,
        criterion,
        sparsity=sparsity,
        scope=scope,
        budget=budget,
        floor=floor,
        coupled=coupled,
        layers=layers,
        x=x,
        y=y,
    )
    masks = masks if also is None else masks & also
    _check_effect(model, masks, f"sparsity {_rate(sparsity):g}")
    masks.apply_(model)
    return masks


def masks_for(
    model: nn.Module,
    criterion: Criterion,
    *,
    sparsity: float | str,
    scope: Scope = "global",
    budget: Literal["filters", "params"] = "filters",
    floor: int = 1,
    coupled: bool = False,
    layers: str | Sequence[str] = (),
    x: Tensor | None = None,
    y: Tensor | None = None,
) -> Masks:
    """The masks that `prune` would apply, for the network as it is; it is left so.

    So two prunings can be combined that both score the unpruned network, as PARANA does: what either removes goes.

        flow = masks_for(model, ActivatedValue(), sparsity=0.80, scope="per_layer", x=x)
        prune(model, Magnitude(), sparsity=0.85, scope="per_layer", also=flow)

    Arguments and errors are those of `prune`.
    """
    return masks_by(
        model,
        criterion(model, x, y),
        granularity=criterion.granularity,
        sparsity=sparsity,
        scope=scope,
        budget=budget,
        floor=floor,
        coupled=coupled,
        layers=layers,
        x=x,
    )


def masks_by(
    model: nn.Module,
    scores: Mapping[str, Tensor],
    *,
    granularity: Literal["weights", "filters"],
    sparsity: float | str,
    scope: Scope = "global",
    budget: Literal["filters", "params"] = "filters",
    floor: int = 1,
    coupled: bool = False,
    layers: str | Sequence[str] = (),
    x: Tensor | None = None,
) -> Masks:
    """The masks of scores that are there already: those of one criterion, say, at many rates.

    `scores` are parameter name -> scores, as a criterion gives them, and `granularity` is what they score. Other
    arguments and errors are those of `prune`.
    """
    rate = _rate(sparsity)
    if floor < 0:
        raise PruningError(f"floor must be 0 or more, got {floor}")
    if scope not in ("global", "per_layer") or budget not in ("filters", "params"):
        raise PruningError(
            f"scope is 'global' or 'per_layer' and budget 'filters' or 'params'; got {scope!r} and {budget!r}"
        )
    layers = (layers,) if isinstance(layers, str) else layers
    scores = {name: scores[name] for name in chosen(scores, layers)}
    if granularity == "weights":
        weights = prunable_weights(model)
        ties = {name: magnitude_like(weights[name], layer) for name, layer in scores.items()}
        return Masks(keep_weights(scores, ties, rate, scope=scope, floor=floor))
    example = example_of(model, x)
    found = trace(model, example)
    free = free_scores(found, scores)
    dropped = choose(model, found, free, rate, scope=scope, budget=budget, floor=floor, coupled=coupled)
    return filter_masks(model, free, dropped, example)


def example_of(model: nn.Module, x: Tensor | None) -> Tensor:
    """One image to run the network on: the first of `x`, or a grey one of the size its architecture names.

    Raises:
        PruningError: there is neither.
    """
    if x is not None:
        return x[:1]
    about = model.__dict__.get("architecture") or {}
    size, channels = about.get("image_size"), about.get("in_channels")
    sides = (size, size) if isinstance(size, int) else size
    if not isinstance(channels, int) or not isinstance(sides, (list, tuple)):
        raise PruningError(f"{type(model).__name__} does not say how large its images are; pass x=, a batch of them")
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
        raise PruningError(f"sparsity {rate:g} removes {removes}; write a fraction between 0 and 1, such as 0.9")
    return rate


def _check_effect(model: nn.Module, masks: Masks, asked: str) -> None:
    masks.check(model)
    parameters = dict(model.named_parameters())
    if masks.removed == 0:
        raise PruningError(f"{asked} removes nothing: it is less than one of what is ranked; raise it")
    if not any(bool((parameters[name][~mask.to(parameters[name].device)] != 0).any()) for name, mask in masks.items()):
        raise PruningError(f"{asked} changes nothing: the network is already at least that sparse; raise it")
