"""Cutting a pruned network down to what is left of it."""

from typing import Literal

from ..deploy import without_zeros
from ..errors import PruningError
from ..measuring import parameters
from ..pruning import shrink
from ..resources import WithResources
from ..values import value
from .stage import Form, GatesRole, Task, Work


@value
class Shrink(WithResources, Task):
    """Cut removed filters out, and prove that the smaller network computes the same."""

    kind: Literal["shrink"] = "shrink"

    @property
    def form(self) -> Form:
        """From here on the network is a shrunk one."""
        return "shrunk"

    @property
    def gates(self) -> GatesRole:
        """Gates must be folded before."""
        return "refuses"

    def run(self, work: Work) -> None:
        """Cut out what was pruned.

        Raises:
            PruningError: nothing can be cut out.
        """
        bundle = work.parent()
        small = without_zeros(shrink(bundle.model, bundle.masks, example=work.example()))
        if parameters(small) == parameters(bundle.model):
            raise PruningError("there is no channel to cut out; prune filters first (criterion: {kind: filter_norm})")
        work.keep(small, None, bundle.about)
