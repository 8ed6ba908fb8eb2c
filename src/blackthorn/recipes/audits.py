"""The recipe of an audit: somebody's trained network, attacked at a few radii, with its weakest images and its cost."""

from collections.abc import Mapping
from typing import Any, Literal

from torch import nn

from ..deploy.bundle import PLAIN
from ..measuring.images import Half
from ..values import Count, Radius, check_radius, value
from .given import beginning, is_plain_file, name_of, taken

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
    part: Half = "all"
    """Only the images at such places: where a network was chosen by the others."""

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
        first = beginning(network, weights)
        name = name_of(network, weights)
        rows = {name: first}
        if against is not None:
            same = first.get("model") if weights is not None and is_plain_file(against) else None
            other = {"model": same, "from": against} if same is not None else beginning(against, None)
            original = name_of(against, None)
            rows |= {original if original != name else f"{original} (original)": other}
        return {
            "title": f"Audit of {name}" + ("" if against is None else f" against {list(rows)[-1]}"),
            "about": self._about(data),
            "data": {**taken(network), **data},
            "model": {"kind": PLAIN},  # every row says what it is
            "networks": rows,
            "measures": self.measures(),
            "statements": [] if against is None else self.statements(name, list(rows)[-1]),
        }

    def said(self, share: float) -> str:
        """A share of the radius as it is written: 8/255 where the radius is a number of levels, else 0.1."""
        levels = self.eps * 255
        whole = abs(levels - round(levels)) < 1e-9
        return f"{levels * share:g}/255" if whole and self.norm == "linf" else f"{self.eps * share:.4g}"

    def _radii(self) -> dict[str, float]:
        """Name of each attack's measure -> its radius."""
        return {f"{self.tier} {self.said(share)}": self.eps * share for share in _SHARES}

    def measures(self) -> dict[str, Any]:
        """The measures of a recipe, by name."""
        attack = {"kind": "autoattack", "norm": self.norm, "tier": self.tier}
        seen = {"n_max": self.images, "part": self.part}
        return {
            "natural": {"kind": "accuracy", **seen},
            **{
                name: {"kind": "accuracy", "attack": {**attack, "eps": eps}, **seen}
                for name, eps in self._radii().items()
            },
            "planted examples": {"kind": "planted", "attack": {**attack, "eps": self.eps}},
            "fragile images": {"kind": "fragility", "eps": self.eps, "norm": self.norm, "n_max": self.images},
            "cost": {"kind": "cost"},
        }

    def statements(
        self, name: str, original: str, *, natural: float = _NATURAL_LOSS, robust: float = _LOSS
    ) -> list[dict[str, Any]]:
        """That one network is as good as another, but for so many points of natural and of robust accuracy."""
        both: dict[str, Any] = {"kind": "keeps", "rows": [name], "than": original}
        return [
            {**both, "text": f"{name} is as accurate as {original}", "metrics": ["natural"], "points": natural},
            {
                **both,
                "text": f"{name} is as hard to fool as {original}",
                "metrics": list(self._radii()),
                "points": robust,
            },
        ]

    def _about(self, data: Mapping[str, Any]) -> str:
        ball = "no pixel by more than" if self.norm == "linf" else "by a length of no more than"
        return (
            f"At most {self.images:,} test images of {data.get('source')}. An attacker who knows the weights changes "
            f"each image, {ball} the radius in the name of the column (AutoAttack, tier {self.tier}). An attack bounds "
            "robust accuracy from above."
        )
