"""Putting gates into a network, and folding them away when they have learnt which units it needs."""

import warnings
from dataclasses import asdict
from typing import Literal

from ..gates import AnyGate, BetaBernoulli, gates_of, insert_gates
from ..pruning import shrink, sparsity, without_gates
from ..resources import WithResources
from ..values import value
from .stage import Form, GatesRole, Task, Work


@value
class InsertGates(WithResources, Task):
    """Put a gate at every channel group, which a training with `bayesian_pruning` or `adversarial_pruning` closes."""

    kind: Literal["gate"] = "gate"
    gate: AnyGate = BetaBernoulli()
    convolutions: AnyGate | None = None
    """Gates of channels that convolutions make, if these are to be others."""
    linear: Literal["output", "input"] = "output"
    """Whether the outputs or the inputs of linear layers are gated. Madaan et al. count inputs, and drop out nothing
    there."""

    @property
    def gates(self) -> GatesRole:
        """It puts them in."""
        return "inserts"

    def label(self) -> str:
        """What is put in."""
        return "insert gates"

    def run(self, work: Work) -> None:
        """Put gates in, and keep the network.

        Raises:
            ModelError: no group can carry a gate.
        """
        bundle = work.parent()
        with warnings.catch_warnings(record=True) as doubts:  # shown in the report with every number of this network
            warnings.simplefilter("always")
            model = insert_gates(
                bundle.model, work.example(), self.gate, convolutions=self.convolutions, linear=self.linear
            )
        said = bundle.about.get("warnings")
        known = [*said] if isinstance(said, list) else []
        found = [*known, *(str(doubt.message) for doubt in doubts)]
        work.keep(model, bundle.masks, {**bundle.about, **({"warnings": found} if found else {})})


@value
class FoldGates(WithResources, Task):
    """Fold gates away: a plain network, cut down to the units that are open, which computes what the gated one does."""

    kind: Literal["fold"] = "fold"
    exact: bool = True
    """`false` drops the constants of closed channels where zeros are padded: smaller, and another function."""

    @property
    def form(self) -> Form:
        """From here on the network is a shrunk one."""
        return "shrunk"

    @property
    def gates(self) -> GatesRole:
        """It takes them away."""
        return "removes"

    def label(self) -> str:
        """What is folded."""
        return "fold gates"

    def run(self, work: Work) -> None:
        """Fold, cut, and keep the network with how many units were open.

        Raises:
            PruningError: the network has no gates, or the folded one does not compute the same.
        """
        bundle, example = work.parent(), work.example()
        plain = without_gates(bundle.model, example=example, exact=self.exact)
        counted = {f"sparsity_{what}": share for what, share in asdict(sparsity(plain)).items()}
        counts = [gate.active() for gate in gates_of(bundle.model)]
        gates = {"gates_open": sum(int(one.sum()) for one in counts), "gates": sum(len(one) for one in counts)}
        small = shrink(plain, bundle.masks, example=example)
        work.keep(small, None, {**bundle.about, **counted, **gates})
