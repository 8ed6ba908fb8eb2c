"""A row of a recipe: a network, and the steps by which it comes to be."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from ..stages import Step
from ..values import value


def named(key: str) -> BeforeValidator:
    """Let a mapping with one essential entry be written as that entry alone: `data: mnist`."""
    return BeforeValidator(lambda read: {key: read} if isinstance(read, str) else read)


def _one_line(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise ValueError("a name is a line of text")
    return name


Name = Annotated[str, AfterValidator(_one_line)]


@value
class Network:
    """A row: a network and how it comes to be."""

    of: str | None = None
    """The network to go on from; by default a new one."""
    model: Annotated[dict[str, Any] | None, named("kind")] = None
    """Another architecture than the recipe's, for a network that starts anew."""
    steps: tuple[Step, ...] = Field(min_length=1)
    show: bool = True
    """Whether it is measured and shown as a row."""
    measures: tuple[str, ...] = ()
    """Only these measures, by name or pattern: [natural, "noise *"]; by default all."""

    def wants(self, metric: str) -> bool:
        """Whether it is measured under this name."""
        return not self.measures or any(fnmatchcase(metric, pattern) for pattern in self.measures)

    @property
    def requested(self) -> float | None:
        """The fraction that its last pruning is to remove; None where none of its own steps prunes."""
        asked = [step.requested for step in self.steps if step.requested is not None]
        return asked[-1] if asked else None


Networks = Mapping[str, Network]
"""The networks of a recipe by name, each after the one that it goes on from."""
