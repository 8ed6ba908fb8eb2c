"""The recipe of an audit: somebody's trained network, attacked at a few radii, with its weakest images and its cost."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from torch import nn

from ..deploy.bundle import PLAIN
from ..deploy.container import header_of
from ..errors import RecipeError, did_you_mean
from ..models import BUILDERS
from ..values import Count, Radius, check_radius, value
from .network import is_factory

Tier = Literal["screen", "standard", "full"]
IMAGES = 1000
"""Images that an audit looks at by default: with `screen` some minutes on two cores, for a network of some 10^5
weights; the interval is at most 3 points to each side."""
_SHARES = (1 / 4, 1 / 2, 1.0)
_LOSS = 2.0  # points of robust accuracy that a compressed network may lose and be called as hard to fool
_NATURAL_LOSS = 1.0  # and of natural accuracy, to be called as accurate


@value
class Audit:
    """What an audit looks at."""

    eps: Radius = 8 / 255
    """The largest radius, in pixels of [0, 1]; a quarter and half of it are measured too."""
    norm: Literal["linf", "l2"] = "linf"
    tier: Tier = "screen"
    """How thorough the attack is: see `attacks.AutoAttack`."""
    images: Count = IMAGES
    """At most so many test images, evenly spread."""

    def __post_init__(self) -> None:
        check_radius(self.eps, self.norm)
        if not self.eps:
            raise ValueError("eps: a radius above 0 is wanted, such as 8/255")

    def recipe(
        self,
        network: str | nn.Module,
        data: Mapping[str, Any],
        *,
        weights: str | None = None,
        against: str | nn.Module | None = None,
    ) -> dict[str, Any]:
        """The recipe as a mapping.

        Args:
            network: a bundle, `package.module:factory`, a built-in network's name, or a module in memory.
            data: the recipe's `data`.
            weights: a file of weights for a factory or a built-in network.
            against: the network that it came from, as `network`; or a file of weights for the same factory.
        Raises:
            RecipeError: it is none of these.
        """
        first = _beginning(network, weights)
        name = _name(network, weights)
        rows = {name: first}
        if against is not None:
            same = first.get("model") if weights is not None and _is_plain_file(against) else None
            other = {"model": same, "from": against} if same is not None else _beginning(against, None)
            original = _name(against, None)
            rows |= {original if original != name else f"{original} (original)": other}
        return {
            "title": f"Audit of {name}" + ("" if against is None else f" against {list(rows)[-1]}"),
            "about": self._about(data),
            "data": {**_size(network), **data},
            "model": {"kind": PLAIN},  # every row says what it is
            "networks": rows,
            "measures": self._measures(),
            "statements": [] if against is None else self._statements(name, list(rows)[-1]),
        }

    def _radii(self) -> dict[str, float]:
        """Name of each attack's measure -> its radius."""
        levels = self.eps * 255
        whole = abs(levels - round(levels)) < 1e-9

        def said(share: float) -> str:
            eps = self.eps * share
            return f"{levels * share:g}/255" if whole and self.norm == "linf" else f"{eps:.4g}"

        return {f"{self.tier} {said(share)}": self.eps * share for share in _SHARES}

    def _measures(self) -> dict[str, Any]:
        attack = {"kind": "autoattack", "norm": self.norm, "tier": self.tier}
        return {
            "natural": {"kind": "accuracy", "n_max": self.images},
            **{
                name: {"kind": "accuracy", "attack": {**attack, "eps": eps}, "n_max": self.images}
                for name, eps in self._radii().items()
            },
            "fragile images": {"kind": "fragility", "eps": self.eps, "norm": self.norm, "n_max": self.images},
            "cost": {"kind": "cost"},
        }

    def _statements(self, name: str, original: str) -> list[dict[str, Any]]:
        both: dict[str, Any] = {"kind": "keeps", "rows": [name], "than": original}
        return [
            {**both, "text": f"{name} is as accurate as {original}", "metrics": ["natural"], "points": _NATURAL_LOSS},
            {
                **both,
                "text": f"{name} is as hard to fool as {original}",
                "metrics": list(self._radii()),
                "points": _LOSS,
            },
        ]

    def _about(self, data: Mapping[str, Any]) -> str:
        ball = "no pixel by more than" if self.norm == "linf" else "by a length of no more than"
        return (
            f"At most {self.images:,} test images of {data.get('source')}. An attacker who knows the weights changes "
            f"each image, {ball} the radius in the name of the column (AutoAttack, tier {self.tier}). An attack bounds "
            "robust accuracy from above."
        )


def factories(recipe: Mapping[str, Any]) -> list[str]:
    """The factories that the rows of an audit name."""
    found = [begun for row in recipe["networks"].values() for begun in (row.get("model"), row.get("from"))]
    kinds = [begun.get("kind") if isinstance(begun, Mapping) else begun for begun in found]
    return [kind for kind in kinds if isinstance(kind, str) and is_factory(kind)]


def _beginning(network: str | nn.Module, weights: str | None) -> dict[str, Any]:
    """`model` and `from` of a row."""
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
    if not os.path.isfile(network):
        hint = f" or a built-in network with --weights FILE. {did_you_mean(network, BUILDERS)}"
        raise RecipeError(f"{network}: there is no such file; give a bundle, package.module:factory,{hint}")
    header = header_of(network)
    kind = None if header is None else str(header.architecture.get("kind"))
    if header is None or kind == PLAIN:
        raise RecipeError(
            f"{network}: these weights do not say which network they belong to; write "
            f"blackthorn audit package.module:factory --weights {network}"
        )
    return {"model": header.architecture, "from": network} if kind and ":" in kind else {"from": network}


def _size(network: str | nn.Module) -> dict[str, Any]:
    """The images that a bundle's network takes; a network that does not say so is given them as they are."""
    header = header_of(network) if isinstance(network, str) and os.path.isfile(network) else None
    if header is None:
        return {}
    size, channels = header.architecture.get("image_size"), header.architecture.get("in_channels")
    mode = {1: "L", 3: "RGB"}.get(channels) if isinstance(channels, int) else None
    return {name: said for name, said in {"resize": size, "mode": mode}.items() if said is not None}


def _is_plain_file(network: str | nn.Module) -> bool:
    """Whether it is a file of weights that needs a network to belong to."""
    return isinstance(network, str) and os.path.isfile(network) and header_of(network) is None


def _name(network: str | nn.Module, weights: str | None) -> str:
    """What the row is called: the file without its ending, the factory's last word, or the class."""
    if isinstance(network, nn.Module):
        return type(network).__name__
    if weights is None and is_factory(network):
        return network.rpartition(":")[2]
    path = Path(weights or network)
    return path.resolve().parent.name if path.stem == "network" else path.stem or network
