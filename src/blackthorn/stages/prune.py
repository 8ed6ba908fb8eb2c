"""Pruning a network by one criterion, or by several of which each scores the network as it was."""

import warnings
from functools import reduce
from operator import and_
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from ..pruning import AnyCriterion, Masks, masks_for, prune, wanted
from ..values import Rate, value, whole
from .stage import Decider, Task
from .work import Work


def _some(sparsity: float) -> float:
    if sparsity in (0, 1):
        removes = "the whole network" if sparsity else "nothing"
        raise ValueError(f"removes {removes}; a fraction between 0 and 1 is wanted, such as 98% or 0.98")
    return sparsity


@value
class Removal:
    """Another pruning of the network that a prune step starts from; what it removes goes too."""

    criterion: AnyCriterion
    sparsity: Annotated[Rate, AfterValidator(_some)]
    """Fraction to remove: 0.80 or 80%."""
    scope: Literal["global", "per_layer"] = "global"
    """Rank all layers together, or remove the same fraction in each."""
    layers: tuple[str, ...] = ()
    """Prune these layers only, by name or pattern."""


@value
class Prune(Task):
    """Set the least important weights or filters to zero."""

    kind: Literal["prune"] = "prune"
    criterion: AnyCriterion
    sparsity: Annotated[Rate, AfterValidator(_some)]
    """Fraction to remove: 0.98 or 98%."""
    scope: Literal["global", "per_layer"] = "global"
    """Rank all layers together, or remove the same fraction in each."""
    budget: Literal["filters", "params"] = "filters"
    """What the fraction of a filter criterion counts: filters, or the weights that vanish with them."""
    floor: Annotated[int, Field(ge=0), BeforeValidator(whole)] = 1
    """Filters to leave in every layer; 0 allows a layer to be emptied."""
    coupled: bool = False
    """Rank filters that an addition ties together as one, so that residual channels can be cut out too."""
    layers: tuple[str, ...] = ()
    """Prune these layers only, by name or pattern: [fc1], ["features.*"]; by default all."""
    also: tuple[Removal, ...] = ()
    """Other prunings, scored on the same network: what any of them removes goes."""

    @property
    def requested(self) -> float:
        """The fraction to remove."""
        return self.sparsity

    def decided_by(self) -> frozenset[Decider]:
        """The seed draws images for criteria that look at some; for others neither matters."""
        looks = any(wanted(criterion) for criterion in (self.criterion, *(one.criterion for one in self.also)))
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
                also.append(
                    masks_for(model, one.criterion, sparsity=one.sparsity, scope=one.scope, layers=one.layers, x=x, y=y)
                )
            x, y = work.images(self.criterion)
            masks = prune(
                model,
                self.criterion,
                sparsity=self.sparsity,
                scope=self.scope,
                budget=self.budget,
                floor=self.floor,
                coupled=self.coupled,
                layers=self.layers,
                also=reduce(and_, also) if also else None,
                x=x,
                y=y,
            )
        if bundle.masks is not None:
            masks = masks & bundle.masks
        about = {"requested_sparsity": self.sparsity, "warnings": [str(doubt.message) for doubt in doubts]}
        work.keep(model, masks, about)
