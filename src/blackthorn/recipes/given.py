"""A network that a person gives, as a recipe takes it: a bundle, a factory, a built-in one with weights, a module."""

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ..deploy.bundle import PLAIN
from ..deploy.container import header_of
from ..deploy.hub import SCHEME, name_on_hub
from ..errors import RecipeError, did_you_mean
from ..models import BUILDERS
from .network import is_factory


def factories(recipe: Mapping[str, Any]) -> list[str]:
    """The factories that the rows of a recipe name."""
    found = [begun for row in recipe["networks"].values() for begun in (row.get("model"), row.get("from"))]
    kinds = [begun.get("kind") if isinstance(begun, Mapping) else begun for begun in found]
    return [kind for kind in kinds if isinstance(kind, str) and is_factory(kind)]


def allowed(recipe: Mapping[str, Any], typed: Collection[object], *, called: bool) -> tuple[str, ...]:
    """The factories of a recipe that may be called: those that a person typed, or all where a program asks for it."""
    return tuple(kind for kind in factories(recipe) if called or kind in typed)


def beginning(network: str | nn.Module, weights: str | None) -> dict[str, Any]:
    """`model` and `from` of a row.

    Args:
        network: a bundle, `package.module:factory`, a built-in network's name, or a module in memory.
        weights: a file of weights for a factory or a built-in network.
    Raises:
        RecipeError: it is none of these.
    """
    if isinstance(network, nn.Module):
        if weights is not None:
            raise RecipeError("weights: a module in memory has its own; load them into it, or leave weights out")
        return {"from": network}
    if weights is not None:
        if not is_factory(network) and network not in BUILDERS:
            hint = "write package.module:factory, or a built-in network's name"
            raise RecipeError(f"{network}: weights belong to a network; {hint}")
        return {"model": {"kind": network}, "from": weights}
    if is_factory(network):
        return {"from": network}
    if network in BUILDERS:
        raise RecipeError(f"{network}: a built-in network has no weights before it is trained; add --weights FILE")
    if not _is_file(network):
        hint = f" or a built-in network with --weights FILE. {did_you_mean(network, BUILDERS)}"
        known = "a bundle, hf://owner/name, package.module:factory,"
        raise RecipeError(f"{network}: there is no such file; give {known}{hint}")
    header = header_of(network)
    kind = None if header is None else str(header.architecture.get("kind"))
    if header is None or kind == PLAIN:
        raise RecipeError(
            f"{network}: these weights do not say which network they belong to; write "
            f"package.module:factory --weights {network}"
        )
    return {"model": header.architecture, "from": network} if kind and ":" in kind else {"from": network}


def taken(network: str | nn.Module) -> dict[str, Any]:
    """The images that a bundle's network takes; a network that does not say so is given them as they are."""
    header = header_of(network) if isinstance(network, str) and _is_file(network) else None
    if header is None:
        return {}
    size, channels = header.architecture.get("image_size"), header.architecture.get("in_channels")
    mode = {1: "L", 3: "RGB"}.get(channels) if isinstance(channels, int) else None
    return {name: said for name, said in {"resize": size, "mode": mode}.items() if said is not None}


def is_plain_file(network: str | nn.Module) -> bool:
    """Whether it is a file of weights that needs a network to belong to."""
    return isinstance(network, str) and _is_file(network) and header_of(network) is None


def name_of(network: str | nn.Module, weights: str | None) -> str:
    """What the row is called: the file without its ending, the factory's last word, or the class."""
    if isinstance(network, nn.Module):
        return type(network).__name__
    if weights is None and is_factory(network):
        return network.rpartition(":")[2]
    if (weights or network).startswith(SCHEME):
        return name_on_hub(weights or network)
    path = Path(weights or network)
    return path.resolve().parent.name if path.stem == "network" else path.stem or network


def _is_file(network: str) -> bool:
    """Whether it is a file of this machine, or one on the hub."""
    return network.startswith(SCHEME) or os.path.isfile(network)


def safe(name: str) -> str:
    """A name as part of the name of a file."""
    return re.sub(r"[^\w.+-]+", "-", name)
