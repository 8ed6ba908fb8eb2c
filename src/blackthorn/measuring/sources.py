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


AnySource = Annotated[Substitute | SourceNetwork, Field(discriminator="kind")]
"""Every source a recipe can name, told apart by `kind`."""
