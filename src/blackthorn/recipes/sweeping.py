"""Sweeps: one network of a recipe written for many, and what goes with the networks that a change takes away."""

import itertools
import math
from collections.abc import Collection, Mapping
from typing import Any

from ..errors import RecipeError

_NETWORKS = 10_000  # a hundred times what published recipes have


def swept(networks: Any, where: str) -> Any:
    """Write out every network that is given `for` a list of values: one network for each combination.

    `weight {rate}%` with `for: {rate: [80, 95]}` becomes two networks; {rate} is replaced in their names and options.
    """
    if not isinstance(networks, dict):
        return networks
    found: dict[Any, Any] = {}
    for name, network in networks.items():
        if not isinstance(network, dict) or "for" not in network:
            found[name] = network
            continue
        variables = network["for"]
        lists = list(variables.values()) if isinstance(variables, dict) else []
        if not lists or not all(isinstance(held, list) and held for held in lists):
            raise RecipeError(
                f"{where}: networks.{name}.for: lists of values are wanted, such as "
                f"{{rate: [80, 95]}}; got {variables!r}"
            )
        if len(found) + math.prod(map(len, lists)) > _NETWORKS:
            raise RecipeError(f"{where}: networks.{name}.for: more than {_NETWORKS:,} networks; take fewer values")
        rest = {key: held for key, held in network.items() if key != "for"}
        for combination in itertools.product(*lists):
            chosen = dict(zip(map(str, variables), combination))
            made = _filled(str(name), chosen)
            if made in found:
                raise RecipeError(
                    f"{where}: networks.{name}: its name must hold {{{'}, {'.join(chosen)}}}, or all "
                    f"get the name '{made}'"
                )
            found[made] = _filled(rest, chosen)
    return found


def _filled(held: Any, chosen: Mapping[str, Any]) -> Any:
    if isinstance(held, dict):
        return {_filled(key, chosen): _filled(entry, chosen) for key, entry in held.items()}
    if isinstance(held, list):
        return [_filled(entry, chosen) for entry in held]
    if isinstance(held, str):
        for name, setting in chosen.items():
            if held == f"{{{name}}}":
                return setting
            held = held.replace(f"{{{name}}}", str(setting))
    return held


def without(rows: Collection[Any], raw: dict[str, Any]) -> dict[str, Any]:
    """A recipe without the published numbers of these rows, and without the statements and selections that name one of
    them; `left_out` says which these are.
    """
    if not rows:
        return raw
    paper, left = raw.get("published"), list(raw.get("left_out", ()))
    if isinstance(paper, dict) and isinstance(paper.get("values"), dict):
        values = {row: numbers for row, numbers in paper["values"].items() if row not in rows}
        raw = raw | {"published": paper | {"values": values}}
    if isinstance(raw.get("statements"), list):
        gone = [one for one in raw["statements"] if _names(one, rows)]
        left += [str(one.get("text")) for one in gone]
        raw = raw | {"statements": [one for one in raw["statements"] if one not in gone]}
    if isinstance(raw.get("select"), dict):
        lost = [name for name, one in raw["select"].items() if _names(one, rows)]
        left += map(str, lost)
        raw = raw | {"select": {name: one for name, one in raw["select"].items() if name not in lost}}
    return raw | {"left_out": left} if left else raw


def _names(said: Any, rows: Collection[Any]) -> bool:
    """Whether a statement or a selection names one of these rows."""
    if not isinstance(said, dict):
        return False
    named = said.get("rows")
    return any(row in rows for row in [*(named if isinstance(named, list) else []), said.get("than")])
