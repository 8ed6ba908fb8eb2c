"""What every operation of a followed network can do: push a box forward, and pull linear functions back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from .boxes import Box
from .rounding import Rounding
from .rows import Rows


class Relaxed(Protocol):
    """An operation between linear functions, over given boxes of its inputs."""

    @property
    def noise(self) -> Tensor | None:
        """How far the output may be off for rounding, (batch or 1, *shape)."""
        ...

    def backward(self, rows: Rows) -> tuple[tuple[Rows, ...], Tensor | None]:
        """Linear functions of the inputs and constants (rows, batch), together nowhere above `rows` of the output."""
        ...


class Operation(Protocol):
    """One step of a network. Boxes and rows hold the exact value and the rounded one."""

    @property
    def mixes(self) -> bool:
        """Whether an output depends on more than the one input at its own place, or not linearly."""
        ...

    def gains_from(self, box: Box) -> Tensor | None:
        """At which numbers it would lose less if its input's box were tighter, bool (batch, ...); None: nowhere."""
        ...

    def interval(self, boxes: Sequence[Box], rounding: Rounding) -> Box:
        """Where the output can be if each input is in its box."""
        ...

    def relax(self, boxes: Sequence[Box], rounding: Rounding) -> Relaxed:
        """Prepare to pull linear functions back."""
        ...


@dataclass(frozen=True)
class Step:
    """One operation at its place in the network."""

    operation: Operation
    inputs: tuple[int, ...]
    """Places of the tensors that it reads; 0 are the images."""
    shape: tuple[int, ...]
    """Of its output, without the batch."""


@dataclass(frozen=True)
class Network:
    """A network as a list of steps; the output of step i has place i + 1."""

    image: tuple[int, ...]
    steps: tuple[Step, ...]
    output: int
    """The place of the logits."""

    def shape(self, place: int) -> tuple[int, ...]:
        """The shape of the tensor at a place, without the batch."""
        return self.steps[place - 1].shape if place else self.image
