"""How many weights vanish from a network as filters go."""

from collections import Counter
from collections.abc import Mapping

from torch import Tensor

from ..channels import Trace
from .allocation import Unit


class Vanishing:
    """Counts the weights that vanish with filters: their own, and those that would read what no layer writes any more."""

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
            for r, times in Counter(found.root[use.into].tolist()).items():
                self._readers.setdefault(r, {})[use.weight] = times
        for name, weight in weights.items():
            if name not in self._outs and (name.rpartition(".")[0]) in found.followers:  # depthwise
                for r in found.root[found.followers[name.rpartition(".")[0]]].tolist():
                    self._alone[r] = self._alone.get(r, 0) + weight[0].numel()

    def take(self, unit: Unit) -> int:
        """Remove filters, and say how many weights vanish with them."""
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
