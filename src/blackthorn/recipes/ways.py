"""The ways in which a compression prunes, and the rates that it tries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REMOVED = (0.3, 0.5, 0.65, 0.75, 0.82, 0.875, 0.91, 0.94, 0.955, 0.97, 0.98, 0.985, 0.99, 0.9925, 0.995)
"""Shares that are removed. Each leaves about 0.7 of what the one before leaves, and they are the same for every wish: a
second wish shares what was trained for the first."""


@dataclass(frozen=True)
class Way:
    """A way to prune: one sweep."""

    name: str
    pruning: Mapping[str, Any]
    """The options of its step, without the rate."""
    cut: bool
    """Whether what is removed is cut out, or stays as zeros."""
    each_layer: bool = False
    """Whether its rate is that of the filters of each layer, which go twice: as what makes and as what reads."""

    def rate(self, removed: float) -> float:
        """The rate at which about this share of the weights is removed: of filters, 1 - (1 - p)^2 are."""
        return round(1 - (1 - removed) ** 0.5, 3) if self.each_layer else removed

    def row(self, removed: float) -> str:
        """The name of a network that was pruned so."""
        return f"{self.name} {100 * self.rate(removed):.4g}%"

    def steps(self, removed: float, tuning: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """What is done to the network."""
        prune = {"kind": "prune", **self.pruning, "sparsity": self.rate(removed)}
        return [prune, tuning, *([{"kind": "shrink"}] if self.cut else [])]


_NORM = {"kind": "filter_norm", "include_linear": True}
WEIGHTS = (
    Way("weights", {"criterion": {"kind": "magnitude"}}, cut=False),
    Way("active weights", {"criterion": {"kind": "activated_value"}, "scope": "per_layer"}, cut=False),
)
FILTERS = (
    Way("filters", {"criterion": _NORM, "budget": "params", "coupled": True}, cut=True),
    Way("each layer", {"criterion": _NORM, "scope": "per_layer", "coupled": True}, cut=True, each_layer=True),
)
