"""The filters that criteria score."""

from torch import Tensor, nn

from ..layers import filter_axes, filter_weights, rows_of
from ..output import output_weights, without


def scored_filters(model: nn.Module, x: Tensor | None, *, linear: bool) -> dict[str, nn.Parameter]:
    """Name -> weight of every layer whose filters a criterion scores: convolutions and, if asked for, the linear layers
    but that of the logits, which the first of `x` shows.
    """
    weights = filter_weights(model, linear=linear)
    return without(weights, output_weights(model, x)) if linear else weights


def filter_rows(model: nn.Module, x: Tensor | None, *, linear: bool) -> dict[str, Tensor]:
    """The weights of `scored_filters`, each (filters, weights of one filter)."""
    axes = filter_axes(model)
    weights = scored_filters(model, x, linear=linear)
    return {name: rows_of(weight, axes.get(name, 0)) for name, weight in weights.items()}
