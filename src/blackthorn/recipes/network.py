"""A row of a recipe: a network, and the steps by which it comes to be."""

import os
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from torch import nn

from ..stages import Built, Held, Load, Step, Task
from ..values import value


def named(key: str) -> BeforeValidator:
    """Let a mapping with one essential entry be written as that entry alone: `data: mnist`."""
    return BeforeValidator(lambda read: {key: read} if isinstance(read, str) else read)


def _one_line(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise ValueError("a name is a line of text")
    return name


def is_factory(read: str) -> bool:
    """Whether a text is `package.module:factory`, and not the name of a file."""
    return re.fullmatch(r"[\w.]+:[\w.]+", read.strip()) is not None and not os.path.exists(read)


def _beginning(read: object) -> object:
    if not isinstance(read, (str, nn.Module, type(None))) and not (isinstance(read, Mapping) and "kind" in read):
        raise ValueError("a file of weights is wanted, or package.module:factory")
    if isinstance(read, Mapping) and not is_factory(str(read["kind"])):
        raise ValueError("kind is package.module:factory; a built-in network has no weights before it is trained")
    return read


def _shown(held: Any) -> Any:
    return f"a {type(held).__qualname__} in memory" if isinstance(held, nn.Module) else held


Beginning = Annotated[
    Any,
    BeforeValidator(_beginning),
    PlainSerializer(_shown),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "null"}]}),
    Field(validation_alias=AliasChoices("from", "from_"), serialization_alias="from"),
]
Name = Annotated[str, AfterValidator(_one_line)]


@value
class Network:
    """A row: a network and how it comes to be."""

    of: str | None = None
    """The network to go on from; by default a new one."""
    model: Annotated[dict[str, Any] | None, named("kind")] = None
    """Another architecture than the recipe's, for a network that starts anew."""
    from_: Beginning = None
    """Weights that are there already, instead of a training: a file (a bundle, .safetensors or a state dict), or
    package.module:factory, alone or as `kind` with options, which brings its own; from Python also an nn.Module.
    """
    steps: tuple[Step, ...] = ()
    """What is done, in order; a network that comes `from` somewhere may be left as it is."""
    show: bool = True
    """Whether it is measured and shown as a row."""
    measures: tuple[str, ...] = ()
    """Only these measures, by name or pattern: [natural, "noise *"]; by default all."""

    def wants(self, metric: str) -> bool:
        """Whether it is measured under this name."""
        return not self.measures or any(fnmatchcase(metric, pattern) for pattern in self.measures)

    @property
    def begin(self) -> Load | Built | Held | None:
        """What makes the network that the steps work on, where it comes from somewhere."""
        begun = self.from_
        if begun is None:
            return None
        if isinstance(begun, nn.Module):
            return Held(begun)
        if isinstance(begun, Mapping) or is_factory(begun):
            return Built(begun if isinstance(begun, Mapping) else {"kind": begun.strip()})
        return Load(begun)

    @property
    def way(self) -> tuple[Task, ...]:
        """What makes the network, and then the steps."""
        return self.steps if self.begin is None else (self.begin, *self.steps)

    @property
    def requested(self) -> float | None:
        """The fraction that its last pruning is to remove; None where none of its own steps prunes."""
        asked = [step.requested for step in self.steps if step.requested is not None]
        return asked[-1] if asked else None


Networks = Mapping[str, Network]
"""The networks of a recipe by name, each after the one that it goes on from."""
