"""How sparse a network is, counted three ways, because the three are often confused."""

from dataclasses import dataclass

import torch
from torch import nn

from .layers import filter_weights, output_weight, prunable_weights


@dataclass(frozen=True)
class Sparsity:
    """Fractions in [0, 1] of exact zeros.

    Removing a fraction p of all filters removes about 1 - (1 - p)^2 of the weights.
    """

    weights: float
    """Of convolution and linear weights."""
    filters: float
    """Of convolution filters, those whose weights are all zero; 0 without convolutions."""
    units: float
    """Of convolution filters and hidden linear units (not the logits), those whose weights are all zero. Layers of
    single entries have no units."""

    def __str__(self) -> str:
        parts = (f"{100 * getattr(self, name):.1f} % of {name}" for name in ("weights", "filters", "units"))
        return ", ".join(parts)


@torch.no_grad()
def sparsity(model: nn.Module) -> Sparsity:
    """Count what is exactly zero; a shrunk network counts only what is left of it.

    Raises:
        PruningError: there is no convolution or linear layer.
    """
    weights, filters, logits = prunable_weights(model), filter_weights(model), output_weight(model)
    zeros = sum(int((weight == 0).sum()) for weight in weights.values())
    whole = {name: weight for name, weight in weights.items() if weight.dim() > 1}
    silent = {name: int((weight == 0).flatten(1).all(1).sum()) for name, weight in whole.items()}
    rows = {name: weight.shape[0] for name, weight in whole.items()}
    hidden = [name for name in whole if name != logits]
    return Sparsity(
        weights=zeros / sum(weight.numel() for weight in weights.values()),
        filters=_share(sum(silent[name] for name in filters), sum(rows[name] for name in filters)),
        units=_share(sum(silent[name] for name in hidden), sum(rows[name] for name in hidden)),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
