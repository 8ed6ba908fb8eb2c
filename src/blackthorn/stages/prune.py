"""Pruning a network by one criterion, or by several of which each scores the network as it was."""

import warnings
from functools import reduce
from operator import and_
from typing import Literal

from torch import nn

from ..pruning import Masks, Pruning, masks_for, prune_by
from ..resources import WithResources
from ..values import value
from .stage import Decider, GatesRole, Task, Work


@value
class Prune(Pruning, WithResources, Task):
    """Set the least important weights or filters to zero."""

    kind: Literal["prune"] = "prune"
    also: tuple[Pruning, ...] = ()
    """Other prunings, scored on the same network: what any of them removes goes."""

    @property
    def revision(self) -> int:
        """The highest of its criteria."""
        return max(one.criterion.revision for one in (self, *self.also))

    @property
    def gates(self) -> GatesRole:
        """Gates must be folded before."""
        return "refuses"

    @property
    def requested(self) -> float:
        """The fraction to remove."""
        return self.sparsity

    def check_network(self, model: nn.Module) -> None:
        """Raises PruningError where `layers` names one that is not scored."""
        for one in (self, *self.also):
            one.check_layers(model)

    def decided_by(self) -> frozenset[Decider]:
        """The seed draws images for criteria that look at some; for others neither matters."""
        looks = any(one.criterion.wants for one in (self, *self.also))
        return frozenset({"seed", "images"}) if looks else frozenset()

    def label(self) -> str:
        """How much is removed."""
        return f"prune {self.sparsity:.4g}"

    def run(self, work: Work) -> None:
        """Prune, and keep the network with its masks."""
        bundle = work.parent()
        model = bundle.model
        with warnings.catch_warnings(record=True) as doubts:  # shown in the report with every number of this network
            warnings.simplefilter("always")
            also: list[Masks] = []
            for one in self.also:
                x, y = work.images(one.criterion)
                also.append(masks_for(model, one, x=x, y=y))
            x, y = work.images(self.criterion)
            masks = prune_by(model, self, also=reduce(and_, also) if also else None, x=x, y=y)
        if bundle.masks is not None:
            masks = masks & bundle.masks
        about = {"requested_sparsity": self.sparsity, "warnings": [str(doubt.message) for doubt in doubts]}
        work.keep(model, masks, about)
