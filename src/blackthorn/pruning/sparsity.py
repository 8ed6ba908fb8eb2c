"""How sparse a network is, counted three ways, because the three are often confused."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .layers import counted_weights, filter_axes, filter_weights, rows_of
from .output import output_weights


@dataclass(frozen=True)
class Sparsity:
    """Fractions in [0, 1] of exact zeros.

    Removing a fraction p of all filters removes about 1 - (1 - p)^2 of the weights.
    """

    weights: float
    """Of convolution, linear, attention and recurrent weights, and of every other parameter with two axes or more."""
    filters: float
    """Of convolution filters, those whose weights are all zero; 0 without convolutions."""
    units: float
    """Of convolution filters and hidden linear units (not the logits), those whose weights are all zero. Layers of
    single entries have no units."""

    def __str__(self) -> str:
        parts = (f"{100 * getattr(self, name):.1f} % of {name}" for name in ("weights", "filters", "units"))
        return ", ".join(parts)


@torch.no_grad()
def sparsity(model: nn.Module, example: Tensor | None = None) -> Sparsity:
    """Count what is exactly zero; a shrunk network counts only what is left of it.

    Args:
        model: every parameter with two axes or more counts, also those that no criterion prunes.
        example: an image, to find the layer of the logits; without it a network of `blackthorn.models` is traced on a
            grey one, and of any other the last layer is taken.
    Raises:
        PruningError: there is no convolution or linear layer.
    """
    weights, filters, axes = counted_weights(model), filter_weights(model), filter_axes(model)
    logits = output_weights(model, example, say=False)
    zeros = sum(int((weight == 0).sum()) for weight in weights.values())
    rows = {name: rows_of(weight, axes.get(name, 0)) for name, weight in weights.items() if weight.dim() > 1}
    silent = {name: int((row == 0).all(1).sum()) for name, row in rows.items()}
    hidden = [name for name in rows if name not in logits]
    return Sparsity(
        weights=zeros / sum(weight.numel() for weight in weights.values()),
        filters=_share(sum(silent[name] for name in filters), sum(len(rows[name]) for name in filters)),
        units=_share(sum(silent[name] for name in hidden), sum(len(rows[name]) for name in hidden)),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
