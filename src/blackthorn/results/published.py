"""What a paper printed for the same rows and metrics."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A paper's numbers as printed: accuracies in percent, others in their own unit."""

    source: str
    """Such as "Wang et al. 2018, Table 1"."""
    values: Mapping[str, Mapping[str, float]]
    """row -> metric -> number."""
