"""Where adversarial images come from when the measured network's own gradients are out of reach."""

from typing import Annotated, Literal

from pydantic import Field

from ..training import Substitute
from ..values import value


@value
class SourceNetwork:
    """Another network of the recipe, whose gradients are followed: a transfer attack."""

    kind: Literal["network"] = "network"
    name: str
    """Its row."""

    @property
    def row(self) -> tuple[str, str]:
        """The option that names a row of the recipe, and that row."""
        return "name", self.name

    @property
    def trained(self) -> None:
        """What has to be trained before: nothing, the network is one of the recipe's."""
        return None


@value
class Unpruned:
    """The network that the measured one was pruned from, the measured one itself where it was not pruned.

    So one measure serves networks that were pruned from different ones, each under noise or images of its own origin.
    The plan of a recipe puts that network, a `SourceNetwork`, in its place.
    """

    kind: Literal["unpruned"] = "unpruned"

    @property
    def row(self) -> tuple[str, None]:
        """No row is named: each measured network has its own."""
        return "kind", None

    @property
    def trained(self) -> None:
        """What has to be trained before: nothing, the network is one of the recipe's."""
        return None


AnySource = Annotated[Substitute | SourceNetwork | Unpruned, Field(discriminator="kind")]
"""Every source a recipe can name, told apart by `kind`."""


def source_for(source: AnySource | None, base: str | None) -> AnySource | None:
    """What a source is for one network, which was pruned from the row `base`; None for one that was not pruned."""
    if not isinstance(source, Unpruned):
        return source
    return None if base is None else SourceNetwork(name=base)
