"""Which arithmetic `precision: auto` stands for: timed once for each architecture, and kept in the store.

Timed again, the answer could be another one, and with it the numbers. So the answer is part of the plan: it enters the
address of whatever is not computed in float32, and a resumed run, or a report, finds it in `STORE/precision.json`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import torch

from ..attacks.precision import resolve_for
from ..data import Splits, pixels
from ..models import build
from ..speed.precision import Chosen
from ..values import address
from .provenance import made_with
from .store import Store, unreadable

_FILE = "precision.json"


@dataclass(frozen=True)
class Arithmetic:
    """Resolves `precision: auto` for networks of a recipe; a function for `plan`."""

    store: Store
    splits: Splits
    device: torch.device | None
    """Where networks would be timed; None to time none, and to take what the store knows, or float32."""
    _resolved: dict[str, Chosen] = field(default_factory=dict)

    def __call__(self, architecture: Mapping[str, Any], batch_size: int) -> Chosen:
        """The arithmetic of all networks that start from this architecture.

        Raises:
            StoreError: the file in the store is damaged or cannot be written.
        """
        shape, classes = self.splits.shape, self.splits.num_classes
        network = address([dict(architecture), list(shape), classes])
        if network not in self._resolved:
            self._resolved[network] = self._resolve(network, architecture, batch_size)
        return self._resolved[network]

    def _resolve(self, network: str, architecture: Mapping[str, Any], batch_size: int) -> Chosen:
        known = self._known(self.store.read(_FILE)).get(network, {})
        if self.device is None:
            return next(iter(known.values())) if len(set(known.values())) == 1 else "float32"
        machine = ", ".join(str(made_with(self.device)[name]) for name in ("device", "threads", "torch"))
        if machine not in known:
            x = pixels(self.splits.train.x[:batch_size], bounded=False).to(self.device)
            with torch.random.fork_rng(devices=[]):
                model = build(architecture, num_classes=self.splits.num_classes, shape=self.splits.shape)
            chosen = resolve_for("auto", model.to(self.device), x)

            def with_ours(before: bytes | None) -> bytes:
                nonlocal known
                everything = self._known(before)
                known = everything.setdefault(network, {})
                known.setdefault(machine, chosen)  # another command may have been first
                return json.dumps(everything, indent=1).encode()

            self.store.change(_FILE, with_ours)
        return known[machine]

    def _known(self, content: bytes | None) -> dict[str, dict[str, Chosen]]:
        """Architecture -> machine -> arithmetic."""
        if content is None:
            return {}
        try:
            read = json.loads(content)
            good = all(chosen in get_args(Chosen) for machines in read.values() for chosen in machines.values())
        except (ValueError, AttributeError, RecursionError) as problem:
            raise unreadable(self.store, _FILE, str(problem)) from None
        if not good:
            raise unreadable(self.store, _FILE, "no arithmetic that is known here")
        return dict(read)
