"""What a gate is: a module that opens and closes the units of a layer, and learns which.

Any module with these four methods is one. `insert_gates` puts gates into a network, `gates_of` finds them there, and
`blackthorn.pruning.fold_gates` turns what they have learnt into a smaller network.
"""

from typing import Protocol, runtime_checkable

from torch import Tensor

GATES = "gates"
"""Name of the parameter group of gates: an objective gives them a loss of their own under this name."""


@runtime_checkable
class Gate(Protocol):
    """A mask over the units of a layer, which is drawn in training and expected otherwise."""

    def sample(self, batch: int) -> Tensor:
        """A mask for each example, (batch, units) in [0, 1], drawn from torch's generator; it carries gradients."""
        ...

    def expected(self) -> Tensor:
        """The mask of eval mode, (units,) in [0, 1]: exactly 0 where a unit is closed."""
        ...

    def kl(self) -> Tensor:
        """Divergence of what is learnt from the prior, in nats, summed over the units: a scalar with gradients."""
        ...

    def active(self) -> Tensor:
        """Whether each unit is open, bool (units,)."""
        ...


@runtime_checkable
class Closing(Protocol):
    """A gate that knows how far its units are from being closed; a training that cannot get there is stopped."""

    def to_close(self) -> Tensor:
        """How far each unit's parameters must move, at least, until it is closed, (units,); 0 where it is."""
        ...
