"""What a pruning is: the one list of options that the calls, the recipes and the measures share."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from torch import nn

from ..values import Rate, value, whole
from .allocation import Scope, in_layers
from .criteria import AnyCriterion
from .layers import filter_weights, prunable_weights

BudgetUnit = Literal["filters", "params"]


def some(sparsity: float) -> float:
    """Refuse to remove nothing, and to remove everything."""
    if sparsity in (0, 1):
        removes = "the whole network" if sparsity else "nothing"
        raise ValueError(f"removes {removes}; a fraction between 0 and 1 is wanted, such as 98% or 0.98")
    return sparsity


@value
class Pruning:
    """What is removed from a network: what scores it, how much goes, and from where."""

    criterion: AnyCriterion
    """What scores weights or filters; the lowest scores go."""
    sparsity: Annotated[Rate, AfterValidator(some)]
    """Fraction to remove: 0.98 or 98%."""
    scope: Scope = "global"
    """Rank all layers together, blind to their class, or remove the same fraction in each."""
    budget: BudgetUnit = "filters"
    """What the fraction of a filter criterion counts. `filters`: the filters in the ranking. `params`: all convolution
    and linear weights, a filter's own and those that read it; filters go in rank order until the fraction is
    reached."""
    floor: Annotated[int, Field(ge=0), BeforeValidator(whole)] = 1
    """Filters (or weights) to leave in every layer; 0 allows a layer to be emptied, with a warning where that happens
    to filters."""
    coupled: bool = False
    """Rank filters that an addition ties together as one, by their mean score, so that `shrink` can cut residual
    channels out too. By default each filter is ranked by itself, as in the papers."""
    largest: bool = False
    """Remove what scores highest instead: the other end of the ranking, as a control of the criterion."""
    layers: tuple[str, ...] = ()
    """Prune these layers only, by name or pattern: [fc1], ["features.*"]; by default all. The fraction is of what they
    hold."""

    def check_layers(self, model: nn.Module) -> None:
        """Refuse `layers` that the criterion does not score in this network.

        Raises:
            PruningError: names the first, and the layers that there are.
        """
        if not self.layers:
            return
        if getattr(self.criterion, "granularity", "weights") == "filters":
            linear = bool(getattr(self.criterion, "include_linear", False))
            in_layers(filter_weights(model, linear=linear), self.layers)
        else:
            in_layers(prunable_weights(model), self.layers)
